// @ts-check
// The verification panel, kept current: how the message fares, when they answer on the page behind a link, and the check
// of a code without losing what was typed. Everything works without this file, by reloading.

import { badge, once, typedIn } from "./parts.js";

/** A finger that rests on the panel may put off so many times, by so many ms, that it is drawn anew. */
const PUT_OFF = 20;
const PRESS = 250;
/** A question that got no answer is asked again after so long, in ms. */
const RETRY = 4000;
/** What stands in the log and changes nothing on the panel. */
const NO_NEWS = /\.(colleagues_told|act_refused|ignored)$/;

class Verify extends HTMLElement {
  /** Whether it is asked once more how it stands. */
  again = false;
  /** @type {Promise<void> | undefined} */
  refreshing;

  connectedCallback() {
    // A second press would ask them twice.
    once(this);
    const code = this.querySelector("form.check");
    if (code instanceof HTMLFormElement) code.addEventListener("submit", (event) => this.check(event, code));
    // Back from a page that was left: what was heard since then was heard by nobody.
    addEventListener("pageshow", (event) => { if (event.persisted) this.refresh(); });
    for (const how of this.querySelectorAll("select[name=way]")) {
      if (!(how instanceof HTMLSelectElement)) continue;
      how.addEventListener("change", () => this.whole(how));
      new ResizeObserver(() => this.whole(how)).observe(how);
    }
    const running = this.querySelector("[data-running]");
    if (running instanceof HTMLElement) this.running = running;
    // A shield whose time is up is red.
    this.addEventListener("ww-over", (event) => {
      if (event.target instanceof Node && this.running?.contains(event.target)) {
        this.bare();
        this.refresh();
      } else setTimeout(() => this.redraw(), 1500);
    });
    // The pod has a script of its own that draws it anew.
    const standing = "[data-shield=green], [data-approval], [data-high], [data-conflict]";
    if (this.running || (!this.dataset.acts && this.querySelector(standing))) this.listen();
  }

  disconnectedCallback() {
    clearInterval(this.asking);
    clearTimeout(this.later);
  }

  /** Where it goes must be seen whole: what a closed select cuts off stands below it.
   *  @param {HTMLSelectElement} how */
  whole(how) {
    const below = how.parentElement?.querySelector("[data-whole]");
    const pen = document.createElement("canvas").getContext("2d");
    if (!(below instanceof HTMLElement) || !pen) return;
    const look = getComputedStyle(how), text = how.selectedOptions[0]?.text ?? "";
    pen.font = `${look.fontWeight} ${look.fontSize} ${look.fontFamily}`;
    // A rem and a half for the arrow, which browsers draw as wide as they like.
    const room = how.clientWidth - parseFloat(look.paddingInlineStart) - parseFloat(look.paddingInlineEnd) - 24;
    below.textContent = text;
    below.hidden = how.clientWidth === 0 || pen.measureText(text).width <= room;
  }

  /** The event stream where there is one; else it is asked every few seconds. */
  async listen() {
    try {
      const { Live } = await import("./live.js");
      const live = new Live(this.dataset.after ?? "", this.dataset.events, this.running ? this.where() : undefined);
      live.addEventListener("change", (event) => {
        const data = /** @type {CustomEvent} */ (event).detail.data;
        badge(data);
        const mine = this.running && data.check_id === this.running.dataset.running;
        if (mine || data.kind === "start_over") this.refresh();
        else if (data.contact_id && data.contact_id === this.dataset.contact && !NO_NEWS.test(data.kind)) {
          this.redraw(data.kind.startsWith("approval."));
        }
      });
      live.addEventListener("behind", () => this.refresh());
      live.addEventListener("lost", () => this.broken(true));
      live.addEventListener("back", () => {
        if (!this.lost && !this.running) return;
        this.broken(false);
        this.refresh();
      });
      live.addEventListener("over", () => this.out());
    } catch {
      // A frame may be refused what streams of several tabs are shared by.
      if (this.running) this.asking = setInterval(() => this.refresh(), 3000);
    }
  }

  /** @returns {string} the address that says how it stands */
  where() {
    return `${this.dataset.acts}/verifications/${this.running?.dataset.running}/state${this.dataset.query}`;
  }

  /** @param {boolean} is @param {string} [words] */
  broken(is, words = this.dataset.lost) {
    this.lost = is;
    const note = this.querySelector("[data-broken]");
    if (!(note instanceof HTMLElement) || this.isOut) return;
    note.hidden = !is;
    const said = note.querySelector("span");
    if (said) said.textContent = is ? words ?? "" : "";
  }

  /** The log-in has ended: no number stays, and what somebody has typed does not go without a word. */
  out() {
    if (!typedIn(this)) return this.reload();
    this.bare();
    this.broken(true, this.dataset.out);
    this.isOut = true;
  }

  /** Without the number that is said aloud. */
  bare() {
    this.running?.querySelector(".slip")?.remove();
  }

  /** Ask how it stands; what happens meanwhile is asked for right after, so that no older answer comes last.
   *  @returns {Promise<void>} */
  refresh() {
    clearTimeout(this.later);
    this.again = true;
    this.refreshing ??= this.ask().finally(() => (this.refreshing = undefined));
    return this.refreshing;
  }

  async ask() {
    while (this.again) {
      this.again = false;
      if (!this.running) return this.redraw();
      const answer = await fetch(this.where(), { cache: "no-store", headers: { Accept: "application/json" } })
        .catch(() => null);
      if (answer?.status === 401) return this.out();
      const values = answer?.ok ? await answer.json().catch(() => null) : null;
      if (values) this.draw(values);
      else if (!answer || answer.ok || answer.status >= 429) this.later = setTimeout(() => this.refresh(), RETRY);
    }
  }

  /** Once it is over the page is drawn anew, unless that would erase what somebody has typed.
   *  @param {Record<string, any>} values */
  draw(values) {
    if (!this.running) return;
    // The answer to a code was lost on its way here; that it counted shows all the same.
    if (this.unanswered !== undefined && values.tries_left < this.unanswered) this.wrong(this.dataset.counted ?? "");
    if (this.unanswered !== undefined) this.unanswered = undefined;
    const typed = this.querySelector("input[name=code]");
    const keeps = typed instanceof HTMLInputElement && typed.value !== "";
    if (values.state !== this.running.dataset.state && (!keeps || values.state === "verified")) return this.reload();
    this.say(values);
    if (values.state !== this.running.dataset.state) this.end(values.state);
  }

  /** @param {Record<string, any>} values */
  say(values) {
    for (const e of this.querySelectorAll("[data-text]")) {
      if (e instanceof HTMLElement && e.dataset.text && e.dataset.text in values) {
        const text = String(values[e.dataset.text]);
        if (e.textContent !== text) e.textContent = text;
      }
    }
    for (const e of this.querySelectorAll("[data-show]")) {
      if (e instanceof HTMLElement && e.dataset.show) e.hidden = !values[e.dataset.show];
    }
  }

  /** Something else has happened to them, which may have ended a shield; never while somebody types, who is told where
   *  they wait for it, nor over a refusal, which stands on the page once. @param {boolean} [awaited] */
  redraw(awaited = false) {
    const refused = this.querySelector("[data-said]") !== null;
    if (!typedIn(this) && !refused && !this.contains(document.activeElement)) return this.reload();
    const changed = this.querySelector("[data-changed]");
    if (awaited && changed instanceof HTMLElement) changed.hidden = false;
  }

  /** It is over, and what was typed stays where it is. @param {string} state */
  end(state) {
    const over = this.querySelector("[data-ended]");
    if (over instanceof HTMLElement) {
      over.hidden = false;
      if (state === "failed" || state === "denied") over.classList.replace("care", "bad");
    }
    this.running?.toggleAttribute("data-over", true);
    this.bare();
    // How many tries are left is no news of a code that has run out.
    const refused = this.querySelector("form.check [data-refused]");
    if (state === "expired" && refused instanceof HTMLElement) refused.hidden = true;
    for (const button of this.querySelectorAll("form.check button")) button.toggleAttribute("disabled", true);
    clearInterval(this.asking);
  }

  /** @param {number} [times] it may be put off */
  reload(times = PUT_OFF) {
    // Drawn anew under a finger, what it presses would never hear of it.
    if (times > 0 && this.matches(":active")) setTimeout(() => this.reload(times - 1), PRESS);
    else location.replace(this.dataset.here ?? location.href);
  }

  /** @param {SubmitEvent} event @param {HTMLFormElement} form */
  async check(event, form) {
    event.preventDefault();
    const button = form.querySelector("button");
    if (!button) return;
    button.disabled = true;
    const left = Number(form.querySelector("[data-text=tries_left]")?.textContent);
    const body = new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, String(value)]));
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } })
      .catch(() => null);
    const found = await answer?.json().catch(() => null);
    button.disabled = this.running?.hasAttribute("data-over") ?? false;
    if (found?.right) return this.reload();
    // Sent once more by itself it could count twice: how it stands tells whether it has arrived.
    if (!found?.message) this.unanswered = left;
    this.wrong(found?.message || this.dataset.unreachable || "");
    const field = form.querySelector("input[name=code]");
    if (field instanceof HTMLInputElement) field.select();
    this.refresh();
  }

  /** @param {string} words about the code that was typed */
  wrong(words) {
    const place = this.querySelector("form.check [data-refused]");
    if (!(place instanceof HTMLElement)) return;
    place.hidden = false;
    place.textContent = words;
    this.querySelector("input[name=code]")?.setAttribute("aria-invalid", "true");
  }
}

customElements.define("ww-verify", Verify);
