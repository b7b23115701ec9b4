// @ts-check
// The simulated phone and the outbox, looked at once a second. Demo only.

import { localTime, setServerTime, show } from "./parts.js";

class Simulator extends HTMLElement {
  connectedCallback() {
    for (const e of this.querySelectorAll("[data-without-script]")) if (e instanceof HTMLElement) e.hidden = true;
    for (const e of this.querySelectorAll("[data-auto]")) e.addEventListener("change", (event) => {
      if (event.target instanceof HTMLSelectElement) event.target.form?.requestSubmit();
    });
    const aloud = this.querySelector("[data-aloud]");
    if (aloud instanceof HTMLElement) aloud.hidden = !("speechSynthesis" in window);
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
    const state = await answer.json().catch(() => null);
    if (!state) return;
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
    this.read(state.calls[0]);
    const clock = this.querySelector('[data-field="clock"]');
    if (clock) clock.textContent = localTime(state.now);
    for (const code of this.querySelectorAll("[data-totp]")) {
      if (code instanceof HTMLElement) code.textContent = state.codes[code.dataset.totp ?? ""] ?? "";
    }
  }

  /** What a call says, heard by whoever wants to: the browser's own voice reads what is new.
   * @param {{ id: string, words: string } | undefined} call */
  read(call) {
    const details = this.querySelector(".calls");
    if (call && call.id !== this.heard && details instanceof HTMLDetailsElement && this.heard !== undefined) details.open = true;
    const before = call && call.id === this.heard ? this.said ?? "" : "";
    this.heard = call?.id ?? "";
    this.said = call?.words ?? "";
    const on = this.querySelector("[data-aloud] input");
    const fresh = this.said.startsWith(before) ? this.said.slice(before.length) : "";
    if (fresh && on instanceof HTMLInputElement && on.checked) speechSynthesis.speak(new SpeechSynthesisUtterance(fresh));
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
    const chosen = button instanceof HTMLButtonElement && button.name ? button : null;
    if (chosen) fields.set(chosen.name, chosen.value);
    const body = new URLSearchParams(/** @type {any} */ (fields)), words = fields.has("text") ? String(body) : "";
    // The same text is on its way already.
    if (words && words === this.sending) return;
    this.sending = words;
    const answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body })
      .catch(() => null);
    const said = await answer?.json().catch(() => null);
    this.sending = "";
    this.refuse(answer?.ok && said ? "" : said?.message || this.dataset.unreachable);
    const text = form.querySelector('input[name="text"]');
    // What was not sent stays, also what somebody has typed meanwhile.
    const sent = answer?.ok && !chosen && text instanceof HTMLInputElement && text.value === fields.get("text");
    if (sent) text.value = "";
    await this.look();
  }

  /** @param {string} words why a press did nothing, empty when it did */
  refuse(words) {
    const place = document.querySelector("[data-refused]");
    if (!(place instanceof HTMLElement)) return;
    place.hidden = !words;
    const said = place.querySelector("span");
    if (said) said.textContent = words;
  }
}
customElements.define("ww-simulator", Simulator);
