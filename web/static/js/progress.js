// @ts-check
// How far something is that goes on by itself: asked for each second, and the page is read anew when it is over.

class Progress extends HTMLElement {
  connectedCallback() {
    this.asking = setInterval(() => this.ask(), 1000);
  }

  disconnectedCallback() {
    clearInterval(this.asking);
  }

  async ask() {
    try {
      const response = await fetch(location.pathname, { headers: { Accept: "application/json" } });
      if (!response.ok) return;
      const now = await response.json();
      if (now.state !== this.dataset.state) {
        location.replace(location.pathname);
        return;
      }
      // Where nobody knows how many there are, the bar only moves, and `total` is 0.
      const done = now.total ? Math.min(now.done, now.total) : now.done;
      const bar = this.querySelector("progress");
      if (bar && now.total) {
        bar.max = Math.max(now.total, 1);
        bar.value = done;
      }
      const words = this.querySelector("[data-so-far]");
      if (words) words.textContent = (this.dataset.words ?? "").replace("{done}", String(done)).replace("{total}", String(now.total));
    } catch {
      // The line is gone; the next second asks again.
    }
  }
}

customElements.define("ww-progress", Progress);
