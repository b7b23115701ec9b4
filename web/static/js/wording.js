// @ts-check
// A wording is read back while it is typed; without this, the button "See how it reads" does the same.

class Wording extends HTMLElement {
  connectedCallback() {
    let timer = 0;
    this.addEventListener("input", () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => this.read(), 300);
    });
  }

  async read() {
    const form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
    const body = new URLSearchParams(/** @type {any} */ (new FormData(form)));
    const sent = { method: "POST", body, headers: { Accept: "application/json" } };
    const answer = await fetch(this.dataset.preview || "", sent).catch(() => null);
    if (!answer || !answer.ok) return;
    const read = await answer.json();
    /** @param {string} name */
    const place = (name) => /** @type {HTMLElement} */ (this.querySelector(`[data-${name}]`));
    place("reads").textContent = read.text;
    place("cost").textContent = read.cost;
    place("problems").replaceChildren(
      ...read.problems.map((/** @type {string} */ problem) => {
        const item = document.createElement("li");
        item.textContent = problem;
        return item;
      }),
    );
  }
}

customElements.define("ww-wording", Wording);
