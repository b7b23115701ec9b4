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

const hours = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const days = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

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

customElements.define("ww-timer", Timer);
customElements.define("ww-copy", Copy);
localise(document);
