// @ts-check
// Keeps the pod current: it is drawn anew when something happens to the person on the screen, unless that would take
// away what somebody types or reads out. It listens only while it can be seen, because a ticket system opens many,
// or while a code stands in it, which has to go when it is over.

import { once } from "./parts.js";

/** What ends a check, so that its code need not stay. */
const OVER = /^tv\.(confirm|deny|reject|expire|supersede|opt_out|void|release|take_over)/;
/** How long after the news it is drawn anew, in ms; a finger that rests on it may put that off so many times. */
const SOON = 250;
const PUT_OFF = 20;
/** How long to wait before it asks again for a stream that was refused, in ms. */
const AGAIN = 5000;

class Pod extends HTMLElement {
  connectedCallback() {
    this.after = this.dataset.after ?? "";
    this.look = () => (document.visibilityState === "visible" || this.querySelector(".slip") ? this.listen() : this.stop());
    document.addEventListener("visibilitychange", this.look);
    this.look();
    const shown = this.querySelector(".slip, form.sure");
    if (shown instanceof HTMLElement) shown.scrollIntoView({ block: "nearest" });
    // Browsers refuse `autofocus` in frames of other sites; after a press inside the frame this is granted.
    const field = this.querySelector("[data-running] input[name=code]");
    if (field instanceof HTMLElement) field.focus({ preventScroll: true });
    // A second press would ask them twice.
    once(this);
    // Its time is up: no code may stand there a moment longer, whether or not the server can be reached.
    this.addEventListener("ww-over", (event) => {
      const check = event.target instanceof Element ? event.target.closest("[data-check]") : null;
      if (check instanceof HTMLElement) this.bare(check.dataset.check);
    });
    // Back from a page that was left: what was heard since then was heard by nobody.
    addEventListener("pageshow", (event) => { if (event.persisted) this.renewSoon(PUT_OFF); });
  }

  /** Without the code of a check that is over. @param {string | undefined} id */
  bare(id) {
    const check = [...this.querySelectorAll("[data-check]")].find((e) => e instanceof HTMLElement && e.dataset.check === id);
    for (const e of check?.querySelectorAll(".slip, .slip ~ .only, .say") ?? []) e.remove();
  }

  disconnectedCallback() {
    if (this.look) document.removeEventListener("visibilitychange", this.look);
    this.stop();
  }

  listen() {
    if (this.source) return;
    const joint = this.dataset.events?.includes("?") ? "&" : "?";
    const about = new URLSearchParams({ about: this.dataset.contact ?? "", after: this.after });
    const source = new EventSource(`${this.dataset.events}${joint}${about}`);
    this.source = source;
    source.addEventListener("change", (event) => {
      if (event.lastEventId) this.after = event.lastEventId;
      this.hear(JSON.parse(event.data));
    });
    source.onopen = () => this.show("lost", false);
    source.onerror = async () => {
      this.show("lost", true);
      if (source.readyState !== EventSource.CLOSED || this.source !== source) return;
      this.stop();
      setTimeout(this.look ?? (() => {}), AGAIN);
      // Refused, not broken: either the log-in has ended or the server is starting.
      const answer = await fetch(this.dataset.here ?? "", { cache: "no-store" }).catch(() => null);
      if (answer?.status !== 401) return;
      for (const e of this.querySelectorAll("[data-check]")) if (e instanceof HTMLElement) this.bare(e.dataset.check);
      this.renewSoon(PUT_OFF);
    };
  }

  stop() {
    this.source?.close();
    this.source = undefined;
  }

  /** @param {{kind: string, check_id: string}} said */
  hear(said) {
    if (said.kind === "presence") return;
    // The panel keeps its own verification current.
    const running = this.querySelector("[data-running]");
    if (running instanceof HTMLElement && running.dataset.running === said.check_id) return;
    if (OVER.test(said.kind)) this.bare(said.check_id);
    else if (this.querySelector(".slip")) return;
    this.renewSoon(PUT_OFF);
  }

  /** @param {number} times it may be put off */
  renewSoon(times) {
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.renew(times), SOON);
  }

  /** @param {number} times it may be put off */
  renew(times) {
    // Drawn anew under a finger, what it presses would never hear of it.
    if (times > 0 && this.matches(":active")) this.renewSoon(times - 1);
    else if (this.isBusy()) this.show("changed", true);
    else location.replace(this.dataset.here ?? location.href);
  }

  /** @param {string} name of a note @param {boolean} is */
  show(name, is) {
    const note = this.querySelector(`[data-${name}]`);
    if (note instanceof HTMLElement) note.hidden = !is;
  }

  /** @returns {boolean} whether somebody is in the middle of something */
  isBusy() {
    if (this.querySelector("form.sure")) return true;
    for (const field of this.querySelectorAll("input:not([type=hidden]), textarea")) {
      if (field instanceof HTMLInputElement && (field.value !== field.defaultValue || field.checked !== field.defaultChecked)) return true;
      if (field instanceof HTMLTextAreaElement && field.value !== field.defaultValue) return true;
    }
    return this.querySelector("details[open] select, button:disabled") !== null;
  }
}

customElements.define("ww-pod", Pod);
