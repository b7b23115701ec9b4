// @ts-check
// The verification panel, kept current: how the message fares, when they answer on the page behind a link, and the check
// of a code without losing what was typed. Everything works without this file, by reloading.

import { badge } from "./parts.js";

/** A finger that rests on the panel may put off so many times, by so many ms, that it is drawn anew. */
const PUT_OFF = 20;
const PRESS = 250;
/** What stands in the log and changes nothing on the panel. */
const NO_NEWS = /\.(colleagues_told|act_refused|ignored)$/;

class Verify extends HTMLElement {
  connectedCallback() {
    for (const form of this.querySelectorAll("form")) {
      form.addEventListener("submit", (event) => {
        if (form.classList.contains("check")) this.check(event, form);
        // A second press would ask them twice.
        else setTimeout(() => this.close(form));
      });
    }
    for (const how of this.querySelectorAll("select[name=way]")) {
      if (!(how instanceof HTMLSelectElement)) continue;
      how.addEventListener("change", () => this.whole(how));
      new ResizeObserver(() => this.whole(how)).observe(how);
    }
    const running = this.querySelector("[data-running]");
    if (running instanceof HTMLElement) this.running = running;
    // A shield whose time is up is red.
    this.addEventListener("ww-over", (event) => {
      if (event.target instanceof Node && this.running?.contains(event.target)) this.refresh();
      else setTimeout(() => this.redraw(), 1500);
    });
    // The pod has a script of its own that draws it anew.
    const standing = "[data-shield=green], [data-approval], [data-high]";
    if (this.running || (!this.dataset.acts && this.querySelector(standing))) this.listen();
  }

  disconnectedCallback() {
    clearInterval(this.asking);
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

  /** @param {HTMLFormElement} form */
  close(form) {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
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
      live.addEventListener("over", () => this.reload());
    } catch {
      // A frame may be refused what streams of several tabs are shared by.
      if (this.running) this.asking = setInterval(() => this.refresh(), 3000);
    }
  }

  /** @returns {string} the address that says how it stands */
  where() {
    return `${this.dataset.acts}/verifications/${this.running?.dataset.running}/state${this.dataset.query}`;
  }

  /** @param {boolean} is */
  broken(is) {
    this.lost = is;
    const note = this.querySelector("[data-broken]");
    if (!(note instanceof HTMLElement)) return;
    note.hidden = !is;
    const said = note.querySelector("span");
    if (said) said.textContent = is ? this.dataset.lost ?? "" : "";
  }

  /** Ask how it stands. Once it is over the page is drawn anew, unless that would erase what somebody has typed. */
  async refresh() {
    if (!this.running) return this.redraw();
    const answer = await fetch(this.where(), { cache: "no-store", headers: { Accept: "application/json" } })
      .catch(() => null);
    if (!answer?.ok) return;
    const values = await answer.json();
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
    const busy = [...this.querySelectorAll("input:not([type=hidden]), textarea")]
      .some((e) => (e instanceof HTMLInputElement || e instanceof HTMLTextAreaElement) && e.value !== e.defaultValue);
    const refused = this.querySelector("[data-said]") !== null;
    if (!busy && !refused && !this.contains(document.activeElement)) return this.reload();
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
    const form = this.querySelector("form.check");
    if (form instanceof HTMLFormElement) this.close(form);
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
    const button = form.querySelector("button"), wrong = form.querySelector("[data-refused]");
    if (!button || !(wrong instanceof HTMLElement)) return;
    button.disabled = true;
    const body = new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, String(value)]));
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } })
      .catch(() => null);
    const found = await answer?.json().catch(() => null);
    button.disabled = false;
    // Without an answer that says anything, the plain form does.
    if (!found || !("right" in found || found.message)) return form.submit();
    if (found.right) return this.reload();
    wrong.hidden = false;
    wrong.textContent = found.message;
    const field = form.querySelector("input[name=code]");
    if (field instanceof HTMLInputElement) {
      field.setAttribute("aria-invalid", "true");
      field.select();
    }
    this.refresh();
  }
}

customElements.define("ww-verify", Verify);
