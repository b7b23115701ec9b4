// @ts-check
// Requests to a second person, kept up to date: the stream says that something happened to one, the rows are fetched.

import { Live } from "./live.js";
import { badge, once, setServerTime, show, typedIn } from "./parts.js";

/** A question that got no answer is asked again after so long, in ms. */
const RETRY = 4000;
/** Whose time is up is over a moment later. */
const SOON = 1000;

class Approvals extends HTMLElement {
  again = false;
  /** @type {Promise<void> | undefined} */
  refreshing;

  connectedCallback() {
    const live = new Live(this.dataset.seq ?? "0");
    live.addEventListener("change", (event) => {
      const data = event instanceof CustomEvent ? event.detail.data : {};
      badge(data);
      if (/^approval\.|^start_over$/.test(data.kind) || this.shows(data.contact_id)) this.refresh();
    });
    live.addEventListener("behind", () => this.refresh());
    live.addEventListener("lost", () => this.broken(this.dataset.lost ?? ""));
    live.addEventListener("back", () => {
      if (this.lost) this.refresh();
      this.broken("");
    });
    live.addEventListener("over", () => this.out());
    this.addEventListener("ww-over", () => setTimeout(() => this.refresh(), SOON));
    // A second press would be told that it is decided already.
    once(this);
    // Back from a page that was left: what was heard since then was heard by nobody.
    addEventListener("pageshow", (event) => { if (event.persisted) this.refresh(); });
  }

  /** The log-in has ended, and what somebody has typed does not go without a word. */
  out() {
    if (!typedIn(this)) { location.reload(); return; }
    this.broken(this.dataset.out ?? "");
    this.isOut = true;
  }

  /** Whether a request is about this person: a shield that ends takes the yes that rests on it along.
   * @param {string | undefined} contact */
  shows(contact) {
    return Boolean(contact && this.querySelector(`h3 a[href*="${CSS.escape(contact)}"]`));
  }

  /** @param {string} words empty when all is well */
  broken(words) {
    if (this.isOut) return;
    this.lost = words !== "";
    const note = this.querySelector("[data-broken]");
    const said = note?.querySelector("span");
    if (!(note instanceof HTMLElement) || !said) return;
    note.hidden = !words;
    said.textContent = words;
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
      const answer = await fetch(this.dataset.rows ?? "", { headers: { Accept: "application/json" }, cache: "no-store" }).catch(() => null);
      if (answer?.status === 401) return this.out();
      const found = answer?.ok ? await answer.json().catch(() => null) : null;
      if (!found) {
        setTimeout(() => this.refresh(), RETRY);
        return;
      }
      this.draw(found);
    } while (this.again);
  }

  /** @param {any} found */
  draw(found) {
    setServerTime(found.now);
    const waiting = this.querySelector('[data-list="waiting"]'), past = this.querySelector('[data-list="past"]');
    const fresh = waiting ? show(waiting, found.waiting) : [];
    for (const row of found.waiting) {
      if (row.may_decide && fresh.some((e) => e.dataset.id === row.id)) this.say(row);
    }
    if (!past) return;
    show(past, found.past);
    const section = past.closest("[data-if-any]");
    if (section instanceof HTMLElement) section.hidden = found.past.length === 0;
  }

  /** @param {any} row */
  say(row) {
    const status = this.querySelector("[data-status]");
    if (status) status.textContent = (this.dataset.new ?? "").replace("{who}", row.who).replace("{name}", row.name);
  }
}

customElements.define("ww-approvals", Approvals);
