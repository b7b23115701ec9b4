// @ts-check
// The board of checks, kept up to date. The stream brings the row that changed, the same to everybody; the claimer's own,
// with its code, is fetched. A tab that nobody sees draws nothing until it is shown, but for what takes a code away and
// what tells of new checks: sound, notice and the number in the title.

import { Finding, foldFar, unfold } from "./finding.js";
import { Live } from "./live.js";
import { announce } from "./notices.js";
import { badge, fill, localTime, put, serverTime, setServerTime, show, tick, typedIn } from "./parts.js";

const QUIET_FOR = 5000;
/** A result older than this, in ms, makes room for the next check that comes in. */
const RESULT_FOR = 20_000;
/** What stands beside the rows is fetched no more often than this, in ms; who is here changes more often than it counts. */
const BESIDE_EVERY = 2000;
const PRESENCE_EVERY = 10_000;
/** Fifty consoles that all heard the same must not all ask in the same moment. In ms. */
const SPREAD = 2000;
/** The server allows so many checks in one question. */
const AT_ONCE = 50;
/** A new row slides in where that moves no more than this many others: each frame of it is work for all of them. */
const FEW_ENOUGH = 30;
/** A question that got no answer is asked again after so long, in ms. */
const RETRY = 4000;

/** Whether a row is a check that nobody here has heard of, or has claimed. @param {any} row
 * @param {string | undefined} had the kind it was */
function isNew(row, had) {
  return row.kind === "waiting" && had !== "waiting" && had !== "mine";
}

class Board extends HTMLElement {
  pageTitle = document.title;
  /** When the status sentence last changed, in ms. */
  saidAt = 0;
  /** When the last result was shown, in ms. */
  resultAt = 0;
  /** Whether something changed while rows were being fetched. */
  again = false;
  besideAt = 0;
  /** @type {Promise<void> | undefined} */
  refreshing;
  /** @type {Promise<void> | undefined} */
  fetching;
  /** Rows read since the page was, by check, and where the log stood then. @type {Map<string, {row: any, seq: number}>} */
  newer = new Map();
  /** Checks to be fetched. @type {Set<string>} */
  wanted = new Set();
  /** What has come while nobody saw this tab, by check: the row, or null where it is to be fetched, as one is that this
   * technician has claimed in another tab. @type {Map<string, any>} */
  unseen = new Map();
  /** Rows whose time ran out meanwhile. @type {Set<HTMLElement>} */
  overdue = new Set();
  /** Whether what stands beside the rows, or all of a page of one check, has changed meanwhile. */
  besideUnseen = false;
  allUnseen = false;

  connectedCallback() {
    this.base = Number(this.dataset.seq ?? 0);
    this.since = Number(this.dataset.since ?? 0);
    this.single = this.dataset.single ?? "";
    this.open = this.list("live");
    this.past = this.list("today");
    this.ended = Number(this.querySelector('[data-count="today"]')?.textContent ?? 0);
    this.addEventListener("submit", (event) => this.send(event));
    this.addEventListener("change", (event) => {
      if (!(event.target instanceof HTMLSelectElement)) return;
      event.target.dataset.touched = "yes";
      event.target.closest(".card")?.classList.add("kept");
    });
    // The row a link of this page leads to is whole before the browser goes there.
    this.addEventListener("click", (event) => {
      const link = event.target instanceof Element ? event.target.closest("a.open") : null;
      if (link?.parentElement) unfold(link.parentElement);
    });
    addEventListener("hashchange", () => this.fold());
    // A row somebody is busy with stays whole, however many come above it.
    this.addEventListener("focusin", (event) => {
      if (event.target instanceof Element && event.target.closest("form, summary")) event.target.closest(".card")?.classList.add("kept");
    });
    this.addEventListener("ww-over", (event) => this.lapse(event));
    for (const e of document.querySelectorAll("[data-without-script]")) if (e instanceof HTMLElement) e.hidden = true;
    for (const e of document.querySelectorAll("[data-with-script]")) if (e instanceof HTMLElement) e.hidden = false;
    const form = this.querySelector("[data-sift]");
    if (form instanceof HTMLFormElement) this.finding = new Finding(this, form);
    this.querySelector("[data-earlier] a")?.addEventListener("click", (event) => this.showEarlier(event));
    this.live = new Live(this.dataset.seq ?? "0");
    this.live.addEventListener("change", (event) => { if (event instanceof CustomEvent) this.changed(event.detail); });
    this.live.addEventListener("behind", () => this.refresh());
    this.live.addEventListener("back", () => this.lost(0));
    this.live.addEventListener("lost", (event) => { if (event instanceof CustomEvent) this.lost(event.detail.at); });
    this.live.addEventListener("over", () => this.out());
    document.addEventListener("visibilitychange", () => (document.hidden ? this.hides() : this.shows()));
    // Back from a page that was left: what was heard since then was heard by nobody.
    addEventListener("pageshow", (event) => { if (event.persisted) this.refresh(); });
    this.settle();
  }

  /** Nobody sees this tab any more. Browsers wake such a tab ever less often, but once for each thing it has asked for:
   *  so every code has its own end. */
  hides() {
    for (const timer of this.querySelectorAll('[data-kind="mine"] ww-timer')) {
      if (timer instanceof HTMLElement) setTimeout(() => tick(), Math.max(0, Number(timer.dataset.until) - serverTime()) + 1);
    }
  }

  /** Somebody looks again: before the browser draws anything, all that came meanwhile stands there. */
  shows() {
    const [unseen, overdue] = [[...this.unseen], [...this.overdue]];
    this.unseen.clear();
    this.overdue.clear();
    for (const [id, row] of unseen) {
      if (row) this.place(row, this.row(id)?.dataset.kind, true);
      else this.wanted.add(id);
    }
    for (const card of overdue) {
      const timer = card.querySelector("ww-timer");
      if (timer instanceof HTMLElement && Number(timer.dataset.until) <= serverTime()) this.end(card);
    }
    this.settle();
    tick(true);
    if (this.wanted.size > 0) this.want([...this.wanted][0]);
    if (this.besideUnseen) this.fetchBeside();
    if (this.allUnseen) this.refresh();
    this.besideUnseen = this.allUnseen = false;
  }

  /** Whether news of a check may wait until somebody looks: not where a code stands that may be no longer good, and not
   *  of a check nobody here has heard of. @param {string} id */
  mayWait(id) {
    return document.hidden && this.kind(id) !== undefined && !this.showsCode(id);
  }

  /** @param {string} id */
  showsCode(id) {
    return this.row(id)?.dataset.kind === "mine";
  }

  /** What a check is, whether or not that is drawn already. @param {string} id @returns {string | undefined} */
  kind(id) {
    return this.unseen.has(id) ? this.unseen.get(id)?.kind ?? "mine" : this.row(id)?.dataset.kind;
  }

  /** @param {string} name @returns {HTMLElement | null} */
  list(name) {
    return this.querySelector(`[data-list="${name}"]`);
  }

  /** @param {string} id @returns {number} where the log stood when this row was read */
  known(id) {
    return this.newer.get(id)?.seq ?? this.base ?? 0;
  }

  /** The row of a check, running or over. @param {string} id @returns {HTMLElement | null} */
  row(id) {
    const selector = `:scope > [data-id="${CSS.escape(id)}"]`;
    return this.open?.querySelector(selector) ?? this.past?.querySelector(selector) ?? null;
  }

  /** @returns {HTMLElement[]} rows of checks, running and over */
  rows() {
    return [...(this.open?.children ?? []), ...(this.past?.children ?? [])].filter((e) => e instanceof HTMLElement);
  }

  /** @param {import("./live.js").News} news */
  changed(news) {
    const data = news.data ?? {};
    badge(data);
    if (data.kind?.startsWith("approval.")) return;
    if (data.kind === "start_over") {
      this.newer.clear();
      setTimeout(() => this.refresh(), Math.random() * SPREAD);
    } else if (this.single) {
      if (data.check_id !== this.single) return;
      if (this.mayWait(this.single)) this.allUnseen = true;
      else this.refresh();
    }
    else if (data.kind === "presence") this.lookBeside(PRESENCE_EVERY);
    else if (data.row) {
      setServerTime(data.now);
      this.take([data.row], data.row_seq);
      // The ticket system was too slow for the select: look once more.
      if (data.pending) this.lookAgain(data.check_id);
    } else if (data.check_id && this.known(data.check_id) < Number(news.id)) {
      if (this.mayWait(data.check_id)) {
        this.unseen.set(data.check_id, null);
        this.settle();
      } else this.want(data.check_id);
    }
    if (data.beside && !this.single) this.lookBeside(BESIDE_EVERY);
  }

  /** @param {string} id */
  lookAgain(id) {
    setTimeout(() => this.want(id), 1000 + Math.random() * SPREAD);
  }

  /** Fetch one row; those wanted meanwhile are fetched together. @param {string} id */
  want(id) {
    this.wanted.add(id);
    if (this.mayWait(id)) return;
    this.fetching ??= this.fetchWanted().finally(() => {
      this.fetching = undefined;
      const next = this.nextWanted()[0];
      if (next) setTimeout(() => this.want(next), RETRY);
    });
  }

  /** @returns {string[]} checks to be fetched now */
  nextWanted() {
    return [...this.wanted].filter((id) => !this.mayWait(id)).slice(0, AT_ONCE);
  }

  async fetchWanted() {
    await null; // what else is wanted at this moment comes along
    for (let ids = this.nextWanted(); ids.length > 0; ids = this.nextWanted()) {
      for (const id of ids) this.wanted.delete(id);
      const found = await this.ask(ids.map((id) => `check=${encodeURIComponent(id)}`).join("&"));
      if (!found) {
        for (const id of ids) this.wanted.add(id);
        return;
      }
      setServerTime(found.now);
      this.take(found.rows, found.seq);
      if (found.pending) for (const row of found.rows) if (row.kind === "waiting") this.lookAgain(row.id);
    }
  }

  /** What stands beside the rows, soon, and not too often. @param {number} every in ms */
  lookBeside(every) {
    if (document.hidden) this.besideUnseen = true;
    if (this.besideSoon || document.hidden) return;
    const wait = Math.max(Math.random() * 150, this.besideAt + every - Date.now());
    this.besideSoon = setTimeout(() => this.fetchBeside(), wait);
  }

  async fetchBeside() {
    clearTimeout(this.besideSoon);
    this.besideSoon = undefined;
    this.besideAt = Date.now();
    const found = await this.ask("part=beside");
    if (found) this.drawBeside(found);
    else this.lookBeside(RETRY);
  }

  /** @param {string} query @returns {Promise<any>} null when there was no answer: the stream's own state tells of that */
  async ask(query) {
    const answer = await fetch(`${this.dataset.rows}?${query}`, { headers: { Accept: "application/json" }, cache: "no-store" }).catch(() => null);
    if (answer?.status === 401) this.out();
    return answer?.ok ? answer.json().catch(() => null) : null;
  }

  /** Fetch everything once more; a change that comes in meanwhile is fetched right after. @returns {Promise<void>} */
  refresh() {
    this.again = true;
    this.refreshing ??= this.fetchRows().finally(() => (this.refreshing = undefined));
    return this.refreshing;
  }

  async fetchRows() {
    do {
      this.again = false;
      const board = await this.ask("");
      if (!board) {
        setTimeout(() => this.refresh(), RETRY);
        return;
      }
      this.draw(board);
      if (board.pending) setTimeout(() => this.refresh(), 1000);
    } while (this.again);
  }

  /** The whole board anew. @param {any} board */
  draw(board) {
    setServerTime(board.now);
    this.base = Number(board.seq);
    this.keepNewer(board);
    if (this.live && this.base > this.live.after) this.live.after = this.base;
    const had = new Map(this.rows().map((e) => [e.dataset.id, e.dataset.kind]));
    for (const id of this.unseen.keys()) had.set(id, this.kind(id));
    for (const [id, row] of this.unseen) if (row) this.unseen.delete(id);
    if (this.open) show(this.open, board.live);
    if (this.past) show(this.past, board.today);
    const story = this.list("story");
    if (story) show(story, board.story.map((/** @type {any} */ step) => ({ kind: "step", ...step })));
    this.since = Number(board.since);
    this.ended = Number(board.ended);
    this.goOn(board.earlier);
    this.drawBeside(board);
    for (const row of [...board.live, ...board.today]) {
      const kind = had.get(row.id);
      if (isNew(row, kind)) announce(row.name, row.id);
      if (kind !== row.kind) this.tell(row, kind);
    }
    this.settle();
    if (document.hidden) this.hides();
  }

  /** What the stream has brought while a board was on its way is newer than what stands on it. @param {any} board */
  keepNewer(board) {
    for (const [id, { row, seq }] of this.newer) {
      if (seq <= Number(board.seq)) {
        this.newer.delete(id);
        continue;
      }
      const ran = board.live.some((/** @type {any} */ e) => e.id === id);
      for (const name of ["live", "today"]) board[name] = board[name].filter((/** @type {any} */ e) => e.id !== id);
      const rows = row.kind === "ended" ? board.today : board.live;
      const place = rows.findIndex((/** @type {any} */ e) => e.order < row.order);
      rows.splice(place < 0 ? rows.length : place, 0, row);
      if (ran && row.kind === "ended") board.ended += 1;
    }
  }

  /** @param {any} board */
  drawBeside(board) {
    for (const name of ["warnings", "strangers", "calling", "here"]) {
      const list = this.list(name);
      if (!list) continue;
      show(list, board[name].map((/** @type {any} */ row) => ({ kind: list.dataset.kind, ...row })));
      const around = list.closest("[data-if-any]");
      if (around instanceof HTMLElement) around.hidden = board[name].length === 0;
    }
    const result = this.querySelector("[data-result]");
    // A denial stands among the alerts already, with what to do about it.
    if (board.warnings.length > 0 && result instanceof HTMLElement && result.dataset.tone === "bad") result.hidden = true;
  }

  /** Rows as they stood when the log had got to `seq`; what is known from later on stays. @param {any[]} rows @param {number} seq */
  take(rows, seq) {
    for (const row of rows) {
      if (seq < this.known(row.id)) continue;
      this.newer.set(row.id, { row, seq });
      const had = this.kind(row.id);
      if (document.hidden && !this.showsCode(row.id)) {
        this.unseen.set(row.id, row);
        if (isNew(row, had)) announce(row.name, row.id);
      } else this.place(row, had);
    }
    this.settle();
    if (document.hidden) this.hides();
  }

  /** One row, where it belongs. @param {any} row @param {string | undefined} had the kind it was
   * @param {boolean} [announced] whether sound and notice have told of it already */
  place(row, had, announced = false) {
    const list = row.kind === "ended" ? this.past : this.open;
    const was = this.row(row.id);
    const moves = was !== null && was.parentElement !== list;
    if (!list || (row.kind === "ended" && !was && !this.belongs(row))) return;
    if (moves) was.remove();
    if (row.kind === "ended" && (moves || !was)) this.ended += 1;
    const made = put(list, row);
    if (list.childElementCount <= FEW_ENOUGH) made?.classList.add("fresh");
    if (had === row.kind) return;
    if (!announced && isNew(row, had)) announce(row.name, row.id);
    this.tell(row, had);
  }

  /** Whether a check that is over, and was not on the page, is one of today's that are shown. @param {any} row */
  belongs(row) {
    const last = this.past?.lastElementChild;
    const goesOn = this.querySelector("[data-earlier]:not([hidden])");
    const from = goesOn && last instanceof HTMLElement ? Number(last.dataset.order) : this.since ?? 0;
    return row.order >= from;
  }

  /** Say what a row that was not there, or was another kind, means to whoever sits here. @param {any} row
   * @param {string | undefined} had the kind it was */
  tell(row, had) {
    // An announcement has done its work when the check that it claimed comes.
    if ((row.kind === "mine" || had === "mine") && this.list("calling")?.firstElementChild) this.lookBeside(0);
    if (isNew(row, had)) {
      this.say((this.dataset.new ?? "").replace("{name}", row.name));
      if (Date.now() - this.resultAt > RESULT_FOR) this.result(null);
    } else if (row.kind === "mine") {
      this.said();
      this.say((this.dataset.mine ?? "").replace("{name}", row.name));
      this.result(null);
    } else if (row.kind === "ended" && had === "mine") {
      const alerted = row.tone === "bad" && this.list("warnings")?.firstElementChild;
      this.result(alerted ? null : row);
    } else if (row.kind === "theirs" && had === "mine") this.say(`${row.name}: ${row.state}`);
  }

  /** Its time is up: no code may stand there a moment longer, whether or not the server can be reached. @param {Event} event */
  lapse(event) {
    const card = event.target instanceof Element ? event.target.closest(".card") : null;
    if (!(card instanceof HTMLElement)) return;
    if (document.hidden && card.dataset.kind !== "mine") this.overdue.add(card);
    else this.end(card);
  }

  /** @param {HTMLElement} card */
  end(card) {
    if ("lapsed" in card.dataset || card.parentElement !== this.open) return;
    card.dataset.lapsed = "";
    card.querySelector(".slip")?.remove();
    const state = card.querySelector('[data-text="state"]');
    if (state) state.textContent = this.dataset.over ?? "";
    this.say(`${card.querySelector("h3")?.textContent?.trim()}: ${this.dataset.over}`);
    const id = card.dataset.id ?? "";
    setTimeout(() => (this.single ? this.refresh() : this.want(id)), 1000 + Math.random() * SPREAD);
  }

  /** The counts, the title and what is hidden, after anything changed. Where nobody looks, the title alone. */
  settle() {
    const kinds = new Map([...this.open?.children ?? []].map((e) => [e.getAttribute("data-id"), e.getAttribute("data-kind")]));
    for (const id of this.unseen.keys()) kinds.set(id, this.kind(id) ?? "");
    const waiting = [...kinds.values()].filter((kind) => kind === "waiting").length;
    document.title = waiting > 0 ? `(${waiting}) ${this.pageTitle}` : this.pageTitle;
    if (document.hidden) return;
    const count = this.querySelector('[data-count="today"]');
    if (count) count.textContent = String(this.ended);
    const past = this.past?.closest("[data-if-any]");
    if (past instanceof HTMLElement) past.hidden = !this.past?.firstElementChild;
    this.finding?.sift();
    this.fold();
  }

  /** Which rows are whole, after any came, went or was looked for. */
  fold() {
    if (this.open && !this.single) foldFar(this.open, Number(this.dataset.whole));
  }

  /** More of today, under what is there. @param {Event} event */
  async showEarlier(event) {
    const link = event.currentTarget;
    const past = this.past;
    if (!(link instanceof HTMLElement) || !past) return;
    event.preventDefault();
    const found = await this.ask(`part=today&earlier=${encodeURIComponent(link.dataset.cursor ?? "")}`);
    if (!found) { this.say(this.dataset.unreachable ?? ""); return; }
    const made = found.today.map((/** @type {any} */ row) => (this.row(row.id) ? null : put(past, row)));
    this.ended = Number(found.ended);
    this.goOn(found.earlier);
    this.settle();
    const first = made.find((/** @type {HTMLElement | null} */ e) => e && !e.hidden);
    first?.querySelector("a[href]")?.focus();
  }

  /** Where today's list goes on. @param {string} cursor empty when all of it is there */
  goOn(cursor) {
    const place = this.querySelector("[data-earlier]");
    if (!(place instanceof HTMLElement)) return;
    place.hidden = !cursor;
    const link = place.querySelector("a");
    if (!link) return;
    link.dataset.cursor = cursor;
    link.href = `/codes?earlier=${encodeURIComponent(cursor)}#today`;
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
    const asked = new URLSearchParams(location.search);
    for (const name of ["said", "refused", "until"]) asked.delete(name);
    if (location.search) history.replaceState(null, "", `${location.pathname}${String(asked) && `?${asked}`}`);
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

  /** The log-in has ended: no code stays, and what somebody has typed does not go without a word. */
  out() {
    if (!typedIn(this)) { location.reload(); return; }
    for (const slip of this.querySelectorAll(".slip")) slip.remove();
    this.lost(Date.now(), this.dataset.out);
    this.isOut = true;
  }

  /** @param {number} at when the stream broke off, 0 when it is well @param {string} [words] */
  lost(at, words = this.dataset.lost) {
    if (this.isOut) return;
    this.classList.toggle("lost", at > 0);
    const lamp = this.querySelector("[data-lamp]");
    lamp?.toggleAttribute("data-on", at === 0);
    if (lamp) lamp.textContent = (at ? this.dataset.off : this.dataset.on) ?? "";
    const banner = this.querySelector("[data-lost]");
    if (!(banner instanceof HTMLElement)) return;
    banner.hidden = at === 0;
    const text = banner.querySelector("span");
    if (text && at) text.textContent = (words ?? "").replace("{time}", localTime(at));
  }

  /** See what came of a press. @param {Element | null} card */
  async follow(card) {
    const list = card?.closest("[data-list]");
    const id = card instanceof HTMLElement ? card.dataset.id ?? "" : "";
    if (this.single) await this.refresh();
    else if (list !== null && (list === this.open || list === this.past)) {
      this.want(id);
      await this.fetching;
    } else await this.fetchBeside();
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
      if (answer.status === 401) { this.out(); return; }
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
    await this.follow(card);
    const claimed = message === "" && (form.dataset.act === "claim" || form.dataset.act === "take-over");
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
