// @ts-check
// The frame's side of signing in: it opens the window, and takes what the window hands over. No storage is touched:
// inside a frame of another site there is none.

/** How often it asks whether a person has confirmed the letters, and for how long, in ms. */
const ASK_EVERY = 3000;
const ASK_FOR = 300_000;

class Door extends HTMLElement {
  connectedCallback() {
    this.link = this.querySelector("a[data-open]");
    this.form = this.querySelector("form");
    this.pairing = this.querySelector("[data-pairing]");
    this.waiting = this.querySelector("[data-waiting]");
    if (this.pairing instanceof HTMLElement) this.pairing.hidden = true;
    this.link?.addEventListener("click", (event) => this.open(event));
    // A tab that the browser itself opens, by the middle button or its menu, knows nothing of this frame.
    for (const way of ["auxclick", "contextmenu"]) this.link?.addEventListener(way, () => this.asks());
    addEventListener("message", (event) => this.hear(event));
    document.addEventListener("visibilitychange", () => this.look());
  }

  /** Another pod of the same ticket system may have signed in meanwhile; this one has the same cookie then. Only then is
   * the page left: drawn anew it would have other letters than a window that is open, and lose a press on its button. */
  async look() {
    if (document.visibilityState !== "visible" || this.opened || !this.form) return;
    const answer = await fetch(this.home(), { cache: "no-store" }).catch(() => null);
    if (answer?.ok && !this.opened && !this.taken) location.replace(this.home());
  }

  /** @returns {URL} the pod itself, with what it is about */
  home() {
    const to = new URL(this.form?.action ?? location.href);
    to.pathname = "/pod";
    return to;
  }

  /** @param {Event} event */
  open(event) {
    if (!(this.link instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    this.opened = window.open(this.link.href, "_blank", "popup,width=460,height=720");
    if (this.waiting instanceof HTMLElement) this.waiting.hidden = false;
    // Cut off, or not opened at all: then a person has to compare, and the server tells when they have.
    setTimeout(() => this.asks(), this.opened ? ASK_EVERY : 0);
  }

  /** Let a person compare, and find out when they have. */
  asks() {
    if (!this.asking) this.ask(Date.now() + ASK_FOR);
  }

  /** What the window hands over. @param {MessageEvent} event */
  hear(event) {
    if (event.origin !== location.origin || !event.source || !this.form) return;
    // Pressed before this script was there, the link has opened a window that is ours as well.
    const from = /** @type {Window} */ (event.source);
    if (from !== this.opened && from.opener !== window) return;
    const said = event.data;
    if (typeof said !== "object" || said === null || said.watchword !== "pod-code") return;
    if (typeof said.code !== "string" || !/^[A-Za-z0-9_-]{20,64}$/.test(said.code)) return;
    const field = this.form.elements.namedItem("handed");
    if (!(field instanceof HTMLInputElement) || this.taken) return;
    this.taken = true;
    field.value = said.code;
    from.postMessage({ watchword: "pod-taken" }, location.origin);
    this.form.requestSubmit();
  }

  /** Whether they have confirmed the letters by now. @param {number} until */
  async ask(until) {
    if (this.taken || !this.form) return;
    this.asking = Date.now() < until;
    if (!this.asking) return;
    if (this.pairing instanceof HTMLElement) this.pairing.hidden = false;
    const fields = new FormData(this.form);
    const body = new URLSearchParams(["csrf", "verifier"].map((name) => [name, String(fields.get(name))]));
    const answer = await fetch(this.form.action, { method: "POST", body, headers: { Accept: "application/json" } }).catch(() => null);
    const said = answer?.ok ? await answer.json().catch(() => null) : null;
    if (said?.signed_in) {
      this.taken = true;
      const to = this.home();
      to.searchParams.set("entered", "1");
      location.replace(to);
    } else setTimeout(() => this.ask(until), ASK_EVERY);
  }
}

customElements.define("ww-door", Door);
