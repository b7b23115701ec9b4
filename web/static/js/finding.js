// @ts-check
// Finds rows among two hundred, by words and by kind, and keeps what is sought in the address. `web/pages/finding.py`
// does the same for whoever has no script, and when such a link is opened. And keeps rows far down small.

import { folded, within } from "./parts.js";

/** With no more rows than this there is nothing to search. */
const FEW = 5;
/** What is searched: everything a card says but its code. */
const SEARCHED = ["name", "company", "address", "state", "ticket", "technician"];

/** Rows that may be their heads alone: not those with a code, nor those that somebody has opened or is busy with. */
const FOLDS = ".waiting:not(:target, .kept), .theirs:not(:target, .kept)";

/** @typedef {HTMLElement & {rows(): HTMLElement[], say(sentence: string): void, fold(): void}} Board */

export class Finding {
  /** @param {Board} board @param {HTMLFormElement} form */
  constructor(board, form) {
    this.board = board;
    this.form = form;
    this.only = form.querySelector("[data-only][aria-current]")?.getAttribute("data-only") ?? "all";
    this.field = /** @type {HTMLInputElement} */ (form.elements.namedItem("q"));
    form.querySelector('input[type="hidden"]')?.remove();
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => this.changed());
    board.addEventListener("click", (event) => {
      const link = event.target instanceof Element ? event.target.closest("a[data-only]") : null;
      if (!(link instanceof HTMLElement) || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.only = link.dataset.only ?? "all";
      if ("clear" in link.dataset) {
        this.field.value = "";
        this.field.focus();
      }
      this.changed();
    });
  }

  /** Somebody looks for something else now: show it, say how many fit, and keep it in the address. */
  changed() {
    const fit = this.sift();
    this.board.fold();
    const asked = new URLSearchParams();
    if (this.field.value.trim()) asked.set("q", this.field.value.trim());
    if (this.only !== "all") asked.set("show", this.only);
    history.replaceState(null, "", `${location.pathname}${String(asked) && `?${asked}`}`);
    const said = (this.board.dataset.fit ?? "").replace("{all}", String(this.board.rows().length));
    this.board.say(said.replace("{n}", String(fit)));
  }

  /** Hide the rows that do not fit, and count. @returns {number} how many fit */
  sift() {
    const words = this.field.value.toLowerCase().split(/\s+/).filter(Boolean);
    /** @type {Record<string, number>} */
    const many = { all: 0, waiting: 0, mine: 0, needs_ticket: 0 };
    const rows = this.board.rows();
    for (const e of rows) {
      const text = words.length > 0 ? saidOn(e) : "";
      const named = words.every((word) => text.includes(word));
      const kinds = ["all"];
      if (e.dataset.kind === "waiting") kinds.push("waiting");
      if (e.dataset.by && e.dataset.by === this.board.dataset.me) kinds.push("mine");
      if ("needs" in e.dataset) kinds.push("needs_ticket");
      if (named) for (const kind of kinds) many[kind] += 1;
      e.hidden = !(named && kinds.includes(this.only));
    }
    this.draw(many, words.length === 0 && this.only === "all", rows.length);
    return many[this.only];
  }

  /** @param {Record<string, number>} many @param {boolean} all nothing is sought @param {number} rows */
  draw(many, all, rows) {
    for (const e of this.form.querySelectorAll("[data-only]")) {
      const kind = e.getAttribute("data-only") ?? "";
      if (kind === this.only) e.setAttribute("aria-current", "true");
      else e.removeAttribute("aria-current");
      const count = e.querySelector("[data-many]");
      if (count) count.textContent = String(many[kind]);
    }
    this.form.hidden = all && rows <= FEW && !this.form.contains(document.activeElement);
    this.board.querySelector("[data-nothing]")?.toggleAttribute("hidden", all || many[this.only] > 0);
    this.board.querySelector("[data-partly]")?.toggleAttribute("hidden", all);
  }
}

/** @param {HTMLElement} card @returns {string} what it says, in small letters; a ticket that is only offered counts too */
function saidOn(card) {
  const said = SEARCHED.map((name) => within(card, `[data-text="${name}"]`)[0]?.textContent ?? "");
  const offered = within(card, "[data-options=tickets]")[0];
  if (offered instanceof HTMLSelectElement && !["new", "later"].includes(offered.value)) {
    said.push(offered.selectedOptions[0]?.text ?? "");
  }
  return said.join(" ").toLowerCase();
}

/**
 * Rows far down a long list, and those that are not shown, become their heads: their forms leave the page. Browsers go
 * through all forms of a page when one comes or goes, and through eight hundred it takes them longer than all else.
 * @param {Element} list @param {number} whole how many rows on top stay whole
 */
export function foldFar(list, whole) {
  let place = 0;
  for (const row of list.children) {
    if (!(row instanceof HTMLElement)) continue;
    const isFar = (row.hidden || ++place > whole) && row.matches(FOLDS);
    row.toggleAttribute("data-far", isFar);
    if (isFar && !folded.has(row)) {
      const rest = new DocumentFragment();
      rest.append(...[...row.children].filter((e) => !e.matches(".state, .who, .open")));
      folded.set(row, rest);
    } else if (!isFar) unfold(row);
  }
}

/** A row with all its forms. @param {Element} row */
export function unfold(row) {
  const rest = folded.get(row);
  if (!rest) return;
  row.append(rest);
  folded.delete(row);
}
