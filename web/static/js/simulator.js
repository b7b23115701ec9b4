// @ts-check
// The simulated phone and the outbox, looked at once a second. Demo only.

import { localTime, setServerTime, show } from "./parts.js";

class Simulator extends HTMLElement {
  connectedCallback() {
    for (const e of this.querySelectorAll("[data-without-script]")) if (e instanceof HTMLElement) e.hidden = true;
    this.querySelector("[data-auto]")?.addEventListener("change", (event) => {
      if (event.target instanceof HTMLSelectElement) event.target.form?.requestSubmit();
    });
    this.addEventListener("submit", (event) => this.send(event));
    this.ticking = setInterval(() => this.look(), 1000);
    this.toEnd();
    this.look();
  }

  disconnectedCallback() {
    clearInterval(this.ticking);
  }

  async look() {
    if (document.hidden) return;
    const answer = await fetch(this.dataset.state ?? "", { cache: "no-store" }).catch(() => null);
    if (!answer?.ok) return;
    const state = await answer.json();
    setServerTime(state.now);
    let talked = false;
    for (const list of this.querySelectorAll("[data-list]")) {
      if (!(list instanceof HTMLElement)) continue;
      const name = list.dataset.list ?? "";
      const kind = list.dataset.kind;
      const fresh = show(list, state[name].map((/** @type {any} */ row) => ({ kind, ...row })));
      if (name !== "talk") continue;
      talked = fresh.length > 0;
      for (const row of state.talk) {
        if (row.out) list.querySelector(`[data-id="${CSS.escape(row.id)}"]`)?.classList.add("out");
      }
    }
    if (talked) this.toEnd();
    const clock = this.querySelector('[data-field="clock"]');
    if (clock) clock.textContent = localTime(state.now);
    for (const code of this.querySelectorAll("[data-totp]")) {
      if (code instanceof HTMLElement) code.textContent = state.codes[code.dataset.totp ?? ""] ?? "";
    }
  }

  toEnd() {
    const log = this.querySelector("[data-scroll]");
    if (log) log.scrollTop = log.scrollHeight;
  }

  /** @param {SubmitEvent} event */
  async send(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.method !== "post") return;
    event.preventDefault();
    const fields = new FormData(form);
    const button = event.submitter;
    if (button instanceof HTMLButtonElement && button.name) fields.set(button.name, button.value);
    await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams(/** @type {any} */ (fields)) });
    const text = form.querySelector('input[name="text"]');
    if (text instanceof HTMLInputElement) text.value = "";
    await this.look();
  }
}
customElements.define("ww-simulator", Simulator);
