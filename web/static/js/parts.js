// @ts-check
// Small elements that many pages use: the time left, a copy button, and times in the reader's own zone.

/** Server time minus this machine's time, in ms; the demo's clock may be far ahead. */
let offset = Number(document.documentElement.dataset.now ?? Date.now()) - Date.now();

/** @param {number} serverNow in ms since 1970 */
export function setServerTime(serverNow) {
  offset = serverNow - Date.now();
}

/** @returns {number} the server's time in ms since 1970 */
export function serverTime() {
  return Date.now() + offset;
}

/** Seconds left as text. The text is plain, so a screen reader reads it when asked and is not interrupted by it. */
class Timer extends HTMLElement {
  connectedCallback() {
    this.ticking = setInterval(() => this.draw(), 500);
    this.draw();
  }

  disconnectedCallback() {
    clearInterval(this.ticking);
  }

  draw() {
    const left = Math.max(0, Math.ceil((Number(this.dataset.until) - serverTime()) / 1000));
    const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    const text = left > 0 ? (this.dataset.left ?? "{time}").replace("{time}", time) : (this.dataset.over ?? "");
    if (this.textContent !== text) this.textContent = text;
    this.toggleAttribute("data-soon", left > 0 && left <= 60);
  }
}

/** Copies its value; stays hidden where the browser has no clipboard. */
class Copy extends HTMLElement {
  connectedCallback() {
    this.hidden = !navigator.clipboard;
    const label = this.querySelector("span");
    this.querySelector("button")?.addEventListener("click", async () => {
      await navigator.clipboard.writeText(this.dataset.value ?? "");
      if (!label) return;
      const before = label.textContent;
      label.textContent = this.dataset.copied ?? "";
      setTimeout(() => (label.textContent = before), 2000);
    });
  }
}

const hours = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const days = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });

/** @param {number} at ms since 1970 @returns {string} today's times without the day */
export function localTime(at) {
  const same = new Date(at).toDateString() === new Date(serverTime()).toDateString();
  return (same ? hours : days).format(at);
}

/** @param {ParentNode} root whose `<time>` elements are put into the reader's zone */
export function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = Date.parse(time.getAttribute("datetime") ?? "");
    if (at) time.textContent = localTime(at);
  }
}

const KEYS = "watchword-keys";

/** @returns {boolean} whether single keys do anything; storage may be refused, then they do */
function keysOn() {
  try { return localStorage.getItem(KEYS) !== "off"; } catch { return true; }
}

/** Single keys: `?` shows them, `/` goes to the search, `j` and `k` from row to row. Off where somebody types, with
 *  any other key held, and for whoever has switched them off: speech input would press them by accident. */
class Keys extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.listener = (/** @type {KeyboardEvent} */ event) => this.press(event);
    document.addEventListener("keydown", this.listener);
    for (const e of document.querySelectorAll("[data-show-keys]")) e.addEventListener("click", () => this.dialog?.showModal());
  }

  disconnectedCallback() {
    if (this.listener) document.removeEventListener("keydown", this.listener);
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const at = event.target instanceof Element ? event.target : document.body;
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing || !keysOn()) return;
    if (at.closest("input, select, textarea, [contenteditable]") || this.dialog?.open) return;
    if (event.key === "?") this.dialog?.showModal();
    else if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (search instanceof HTMLElement) search.focus();
      else location.assign("/contacts");
    } else if (event.key === "j" || event.key === "k") this.move(at, event.key === "j" ? 1 : -1);
    else return;
    event.preventDefault();
  }

  /** To the first thing in the next row that takes the focus. @param {Element} at @param {1 | -1} step */
  move(at, step) {
    /** @type {HTMLElement[]} */
    const stops = [];
    for (const row of document.querySelectorAll("main .card, main .rows > li, main .warnings li")) {
      const first = [...row.querySelectorAll("a[href], button, summary")].find((e) => e.checkVisibility());
      if (first instanceof HTMLElement) stops.push(first);
    }
    const here = stops.findIndex((e) => e.closest("li") === at.closest("li"));
    const next = here < 0 ? (step > 0 ? 0 : stops.length - 1) : here + step;
    stops[next]?.focus();
  }
}

/** The tick box that switches them off. */
class KeysChoice extends HTMLElement {
  connectedCallback() {
    this.hidden = false;
    const box = this.querySelector("input");
    if (!box) return;
    box.checked = keysOn();
    box.addEventListener("change", () => {
      try { localStorage.setItem(KEYS, box.checked ? "on" : "off"); } catch { box.checked = true; }
    });
  }
}

customElements.define("ww-keys", Keys);
customElements.define("ww-keys-choice", KeysChoice);
customElements.define("ww-timer", Timer);
customElements.define("ww-copy", Copy);
localise(document);
