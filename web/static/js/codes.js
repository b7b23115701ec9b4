// @ts-check
// The board of checks, kept up to date. Events carry ids only; the rows, and the claimer's code, are fetched.

import { localTime, setServerTime } from "./parts.js";
import { fill, show } from "./fill.js";
import { Live } from "./live.js";
import { chime } from "./sound.js";

const QUIET_FOR = 5000;
/** A result older than this, in ms, makes room for the next check that comes in. */
const RESULT_FOR = 20_000;

class Board extends HTMLElement {
  pageTitle = document.title;
  /** When the status sentence last changed, in ms. */
  saidAt = 0;
  /** When the last result was shown, in ms. */
  resultAt = 0;
  /** Whether something changed while rows were being fetched. */
  again = false;
  /** @type {Promise<void> | undefined} */
  running;

  connectedCallback() {
    this.addEventListener("submit", (event) => this.send(event));
    this.addEventListener("change", (event) => {
      if (event.target instanceof HTMLSelectElement) event.target.dataset.touched = "yes";
    });
    for (const e of document.querySelectorAll("[data-without-script]")) if (e instanceof HTMLElement) e.hidden = true;
    this.live = new Live(this.dataset.seq ?? "0");
    this.live.addEventListener("change", () => this.refresh());
    this.live.addEventListener("back", () => { this.lost(0); this.refresh(); });
    this.live.addEventListener("lost", (event) => { if (event instanceof CustomEvent) this.lost(event.detail.at); });
    this.live.addEventListener("over", () => location.reload());
    this.countWaiting();
  }

  /** Fetch the rows once more; a change that comes in meanwhile is fetched right after. @returns {Promise<void>} */
  refresh() {
    this.again = true;
    this.running ??= this.fetchRows().finally(() => (this.running = undefined));
    return this.running;
  }

  async fetchRows() {
    try {
      do {
        this.again = false;
        const answer = await fetch(this.dataset.rows ?? "", { headers: { Accept: "application/json" }, cache: "no-store" });
        if (answer.status === 401) { location.reload(); return; }
        if (!answer.ok) return;
        const board = await answer.json();
        this.draw(board);
        // The ticket system was too slow for the selects: look once more.
        if (board.pending) setTimeout(() => this.refresh(), 1000);
      } while (this.again);
    } catch { /* the stream's own state tells the technician */ }
  }

  /** @param {any} board */
  draw(board) {
    setServerTime(board.now);
    if (this.live && Number(board.seq) > Number(this.live.after)) this.live.after = String(board.seq);
    /** @type {HTMLElement[]} */
    const fresh = [];
    const had = new Set([...this.querySelectorAll('[data-kind="mine"]')].map((e) => e instanceof HTMLElement && e.dataset.id));
    for (const list of this.querySelectorAll("[data-list]")) {
      if (!(list instanceof HTMLElement)) continue;
      const rows = board[list.dataset.list ?? ""];
      if (!rows) continue;
      const made = show(list, rows.map((/** @type {any} */ row) => ({ kind: list.dataset.kind, ...row })));
      if (list.dataset.list === "live") fresh.push(...made);
      const count = this.querySelector(`[data-count="${list.dataset.list}"]`);
      if (count) count.textContent = String(rows.length);
      const around = list.closest("[data-if-any]");
      if (around instanceof HTMLElement) around.hidden = rows.length === 0;
    }
    const waiting = fresh.filter((e) => e.dataset.kind === "waiting");
    for (const e of fresh) e.classList.add("fresh");
    if (waiting.length > 0) {
      chime();
      this.say((this.dataset.new ?? "").replace("{name}", waiting[0].querySelector("h3")?.textContent?.trim() ?? ""));
    }
    const own = fresh.find((e) => e.dataset.kind === "mine");
    if (own) this.said();
    if (own) this.say((this.dataset.mine ?? "").replace("{name}", own.querySelector("h3")?.textContent?.trim() ?? ""));
    if (own) this.result(null);
    const over = [...board.today, ...board.live].find((/** @type {any} */ row) => had.has(row.id) && row.kind === "ended");
    const lost = board.live.find((/** @type {any} */ row) => had.has(row.id) && row.kind === "theirs");
    // A denial stands among the alerts already, with what to do about it.
    if (over && (over.tone !== "bad" || board.warnings.length === 0)) this.result(over);
    else if (over || (waiting.length > 0 && Date.now() - this.resultAt > RESULT_FOR)) this.result(null);
    if (lost) this.say(`${lost.name}: ${lost.state}`);
    this.countWaiting();
  }

  /** What came of the check this technician had, where its code stood until now. @param {any} row null takes it away */
  result(row) {
    const place = this.querySelector("[data-result]");
    if (!(place instanceof HTMLElement)) return;
    place.hidden = row === null;
    this.resultAt = Date.now();
    if (row === null) return;
    fill(place, row);
    this.said();
    this.say(`${row.name}: ${row.state}`);
  }

  /** Take away the sentence about an earlier form, which is no longer what counts. */
  said() {
    document.querySelector("main > .note[role=status]")?.remove();
    if (location.search) history.replaceState(null, "", location.pathname);
  }

  countWaiting() {
    const waiting = this.querySelectorAll('[data-list="live"] [data-kind="waiting"]').length;
    document.title = waiting > 0 ? `(${waiting}) ${this.pageTitle}` : this.pageTitle;
  }

  /** One sentence for screen readers, at most every five seconds. @param {string} sentence */
  say(sentence) {
    clearTimeout(this.waits);
    const wait = Math.max(0, this.saidAt + QUIET_FOR - Date.now());
    this.waits = setTimeout(() => {
      this.saidAt = Date.now();
      const status = this.querySelector("[data-status]");
      if (status) status.textContent = sentence;
    }, wait);
  }

  /** @param {number} at when the stream broke off, 0 when it is well */
  lost(at) {
    this.classList.toggle("lost", at > 0);
    const lamp = this.querySelector("[data-lamp]");
    lamp?.toggleAttribute("data-on", at === 0);
    if (lamp) lamp.textContent = (at ? this.dataset.off : this.dataset.on) ?? "";
    const banner = this.querySelector("[data-lost]");
    if (!(banner instanceof HTMLElement)) return;
    banner.hidden = at === 0;
    const text = banner.querySelector("span");
    if (text && at) text.textContent = (this.dataset.lost ?? "").replace("{time}", localTime(at));
  }

  /** Send a form without leaving the page. Without this script the same form works by itself. @param {SubmitEvent} event */
  async send(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.method !== "post") return;
    event.preventDefault();
    const button = form.querySelector("button");
    const card = form.closest("[data-id]");
    const fields = new FormData(form);
    if (button) button.disabled = true;
    let message = this.dataset.unreachable ?? "";
    let done = "";
    try {
      const answer = await fetch(form.action, {
        method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams(/** @type {any} */ (fields)),
      });
      if (answer.status === 401) { location.reload(); return; }
      const said = await answer.json();
      message = said.message ?? "";
      done = said.said ?? "";
    } catch { /* message says so */ } finally { if (button) button.disabled = false; }
    const place = card?.querySelector("[data-refused]");
    if (place instanceof HTMLElement) {
      place.textContent = message || done;
      place.hidden = place.textContent === "";
      place.classList.toggle("bad", message !== "");
      place.classList.toggle("good", message === "");
    } else if (message) this.say(message);
    const claimed = message === "" && (form.dataset.act === "claim" || form.dataset.act === "take-over");
    await this.refresh();
    // The card gave way to another: what came of the press is said, and the focus goes on to the new one.
    if (!claimed && !card?.isConnected) {
      this.say(message || done);
      const id = card instanceof HTMLElement ? CSS.escape(card.dataset.id ?? "") : "";
      const next = this.querySelector(`[data-list] [data-id="${id}"] a[href]`);
      if (next instanceof HTMLElement && document.activeElement === document.body) next.focus({ preventScroll: true });
    }
    if (claimed && card instanceof HTMLElement) {
      const slip = this.querySelector(`[data-kind="mine"][data-id="${CSS.escape(card.dataset.id ?? "")}"] .slip`);
      if (slip instanceof HTMLElement) slip.focus({ preventScroll: false });
    }
  }
}
customElements.define("ww-board", Board);
