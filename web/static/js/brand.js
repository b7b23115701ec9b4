// @ts-check
// Colours are looked at while they are typed; without this, the button "Look first" does the same.

class Brand extends HTMLElement {
  connectedCallback() {
    let timer = 0;
    this.addEventListener("input", () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => this.look(), 250);
    });
  }

  async look() {
    const query = new URLSearchParams();
    for (const name of ["light", "dark"]) {
      const input = /** @type {HTMLInputElement} */ (this.querySelector(`[name=${name}]`));
      query.set(name, input.value.slice(0, 20));
    }
    const answer = await fetch(`${this.dataset.look}?${query}`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer || !answer.ok) return;
    const judged = await answer.json();
    for (const place of this.querySelectorAll("[data-said]")) {
      const one = judged[/** @type {HTMLElement} */ (place).dataset.said || ""];
      place.textContent = one.said;
      place.className = one.passes ? "hint" : "wrong";
    }
    const old = document.querySelector("link[data-preview]");
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.dataset.preview = "";
    sheet.href = `${this.dataset.sheet}?${query}`;
    sheet.onload = () => old?.remove();
    document.head.append(sheet);
  }
}

customElements.define("ww-brand", Brand);
