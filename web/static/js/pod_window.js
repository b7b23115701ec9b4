// @ts-check
// The window's side: hand the code to whoever opened it, and to nobody but our own pages. Where no answer comes the
// line is cut, and the letters stay to be compared.

/** How long an answer may take before a person compares, in ms; how often the code is offered, and how long it is good. */
const PATIENCE = 1500;
const OFFER_EVERY = 500;
const GOOD_FOR = 60_000;

class HandOver extends HTMLElement {
  connectedCallback() {
    const frame = window.opener;
    const code = this.dataset.code ?? "";
    if (!frame) return;
    this.show(true);
    addEventListener("message", (event) => {
      if (event.origin !== location.origin || event.source !== frame || event.data?.watchword !== "pod-taken") return;
      window.close();
    });
    // On a slow line the frame's script comes later than this: it hears what is said after that.
    const offer = () => frame.postMessage({ watchword: "pod-code", code }, location.origin);
    offer();
    const offering = setInterval(offer, OFFER_EVERY);
    setTimeout(() => clearInterval(offering), GOOD_FOR);
    setTimeout(() => this.show(false), PATIENCE);
  }

  /** @param {boolean} handing whether it is under way; else a person compares */
  show(handing) {
    for (const [name, hidden] of /** @type {const} */ ([["handing", !handing], ["pairing", handing]])) {
      const part = this.querySelector(`[data-${name}]`);
      if (part instanceof HTMLElement) part.hidden = hidden;
    }
  }
}

customElements.define("ww-hand-over", HandOver);
