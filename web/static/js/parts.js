// @ts-check
// What many pages use: the time left, a copy button, times in the reader's own zone, single keys, and rows made of the
// page's own templates. One file, because every file is one more way to the server and back.

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

/** How often a time left is drawn that is not on the screen, in ms: new text is work for the whole page. */
const FAR_EVERY = 15_000;

/** Every timer of the page, drawn together: two hundred clocks of their own would keep a phone awake.
 * @type {Set<Timer>} */
const timers = new Set();
/** Those on the screen, or nearly. */
const near = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) if (target instanceof Timer) target.comes(isIntersecting);
}, { rootMargin: "25%" });
let allAt = 0;

/** Every timer whose time is up says so, and those that somebody sees go on. @param {boolean} [all] draw each of them */
export function tick(all = Date.now() - allAt > FAR_EVERY) {
  if (all) allAt = Date.now();
  for (const timer of timers) timer.tick(all);
}
setInterval(tick, 500);
document.addEventListener("visibilitychange", () => tick(true));

/** Seconds left as text. The text is plain, so a screen reader reads it when asked and is not interrupted by it. When
 *  none are left it says so once, by the event `ww-over`, also where nobody sees it. */
class Timer extends HTMLElement {
  /** Whether it is on the screen, or nearly. */
  isNear = true;

  connectedCallback() {
    timers.add(this);
    near.observe(this);
    this.draw();
  }

  disconnectedCallback() {
    timers.delete(this);
    near.unobserve(this);
  }

  /** @param {boolean} isNear */
  comes(isNear) {
    this.isNear = isNear;
    if (isNear) this.draw();
  }

  /** @returns {number} whole seconds left */
  left() {
    return Math.max(0, Math.ceil((Number(this.dataset.until) - serverTime()) / 1000));
  }

  draw() {
    const left = this.left();
    const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    const text = left > 0 ? (this.dataset.left ?? "{time}").replace("{time}", time) : (this.dataset.over ?? "");
    if (this.textContent !== text) this.textContent = text;
    this.toggleAttribute("data-soon", left > 0 && left <= 60);
  }

  /** @param {boolean} all whether it is drawn even where it is not on the screen */
  tick(all) {
    if ((all || this.isNear) && !document.hidden) this.draw();
    if (this.left() > 0 || this.said === this.dataset.until) return;
    this.said = this.dataset.until;
    this.dispatchEvent(new CustomEvent("ww-over", { bubbles: true }));
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

const hours = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const days = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });

const years = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });

/** @param {number} at ms since 1970 @returns {string} today's times without the day, this year's without the year */
export function localTime(at) {
  const then = new Date(at), now = new Date(serverTime());
  if (then.getFullYear() !== now.getFullYear()) return years.format(at);
  return (then.toDateString() === now.toDateString() ? hours : days).format(at);
}

/** @param {ParentNode} root whose `<time>` elements are put into the reader's zone */
export function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = Date.parse(time.getAttribute("datetime") ?? "");
    if (at) time.textContent = localTime(at);
  }
}

const KEYS = "watchword-keys";

/** @returns {boolean} whether single keys do anything; storage may be refused, then they do */
function keysOn() {
  try { return localStorage.getItem(KEYS) !== "off"; } catch { return true; }
}

/** Single keys: `?` shows them, `/` goes to the search, `j` and `k` from row to row. Off where somebody types, with
 *  any other key held, and for whoever has switched them off: speech input would press them by accident. */
class Keys extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.listener = (/** @type {KeyboardEvent} */ event) => this.press(event);
    document.addEventListener("keydown", this.listener);
    for (const e of document.querySelectorAll("[data-show-keys]")) e.addEventListener("click", () => this.dialog?.showModal());
  }

  disconnectedCallback() {
    if (this.listener) document.removeEventListener("keydown", this.listener);
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const at = event.target instanceof Element ? event.target : document.body;
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing || !keysOn()) return;
    if (at.closest("input, select, textarea, [contenteditable]") || this.dialog?.open) return;
    if (event.key === "?") this.dialog?.showModal();
    else if (event.key === "/") {
      const search = [...document.querySelectorAll("input[type=search]")].find((e) => e.checkVisibility());
      if (search instanceof HTMLElement) search.focus();
      else location.assign("/contacts");
    } else if (event.key === "j" || event.key === "k") this.move(at, event.key === "j" ? 1 : -1);
    else return;
    event.preventDefault();
  }

  /** To the first thing in the next row that takes the focus. @param {Element} at @param {1 | -1} step */
  move(at, step) {
    /** @type {HTMLElement[]} */
    const stops = [];
    for (const row of document.querySelectorAll("main .card, main .rows > li, main .warnings li")) {
      const first = [...row.querySelectorAll("a[href], button, summary")].find((e) => e.checkVisibility());
      if (first instanceof HTMLElement) stops.push(first);
    }
    const here = stops.findIndex((e) => e.closest("li") === at.closest("li"));
    const next = here < 0 ? (step > 0 ? 0 : stops.length - 1) : here + step;
    stops[next]?.focus();
  }
}

/** The tick box that switches them off. */
class KeysChoice extends HTMLElement {
  connectedCallback() {
    this.hidden = false;
    const box = this.querySelector("input");
    if (!box) return;
    box.checked = keysOn();
    box.addEventListener("change", () => {
      try { localStorage.setItem(KEYS, box.checked ? "on" : "off"); } catch { box.checked = true; }
    });
  }
}

/** How long a press is waited for, in ms. */
const PATIENCE = 15_000;

/** Forms that lead to a page take one press; where that page never comes they may be pressed again.
 * @param {Element} root of the forms */
export function once(root) {
  root.addEventListener("submit", (event) => setTimeout(() => {
    if (event.defaultPrevented || !(event.target instanceof Element)) return;
    const buttons = event.target.querySelectorAll("button:enabled");
    const off = (/** @type {boolean} */ is) => buttons.forEach((e) => e.toggleAttribute("disabled", is));
    off(true);
    setTimeout(off, PATIENCE, false);
  }));
}

/** @param {Element} root @returns {boolean} whether somebody has typed something there that is not sent */
export function typedIn(root) {
  return [...root.querySelectorAll("input:not([type=hidden], [type=search], [type=checkbox], [type=radio]), textarea")]
    .some((e) => (e instanceof HTMLInputElement || e instanceof HTMLTextAreaElement) && e.value !== e.defaultValue);
}

// Rows: the page's templates filled with values. Text only; nothing that comes from the server is ever read as HTML.

/** @typedef {Record<string, any>} Values */

/** @param {string} pattern `/contacts/{contact_id}` @param {Values} values @returns {string} empty when a part is */
function address(pattern, values) {
  let whole = true;
  const filled = pattern.replace(/\{(\w+)\}/g, (_, name) => {
    if (!values[name]) whole = false;
    return encodeURIComponent(values[name] ?? "");
  });
  return whole ? filled : "";
}

/** What is taken out of the page while a row is its head alone, by row. @type {WeakMap<Element, DocumentFragment>} */
export const folded = new WeakMap();

/** All of a row that fits, also what of it is not in the page. @param {Element} root @param {string} selector
 * @returns {HTMLElement[]} */
export function within(root, selector) {
  const rest = folded.get(root)?.querySelectorAll(selector) ?? [];
  return [...root.querySelectorAll(selector), ...rest].filter((e) => e instanceof HTMLElement);
}

/** @param {Element} root @param {string} name of the data attribute @returns {HTMLElement[]} */
function marked(root, name) {
  return within(root, `[data-${name}]`);
}

/** @param {HTMLSelectElement} select @param {{value: string, text: string, chosen: boolean}[]} choices */
function fillSelect(select, choices) {
  const before = select.value;
  const touched = select.dataset.touched === "yes";
  const same = select.options.length === choices.length
    && choices.every((c, i) => select.options[i].value === c.value && select.options[i].text === c.text);
  if (same || document.activeElement === select) return;
  select.replaceChildren(...choices.map((c) => new Option(c.text, c.value, c.chosen, c.chosen)));
  if (touched && choices.some((c) => c.value === before)) select.value = before;
}

/** Put `values` into an element made by a template. @param {HTMLElement} root @param {Values} values */
export function fill(root, values) {
  root.dataset.id = values.id;
  if ("tone" in root.dataset) root.dataset.tone = values.tone ?? "quiet";
  if (values.order !== undefined) {
    root.dataset.order = values.order;
    root.dataset.by = values.technician_id ?? "";
    root.toggleAttribute("data-needs", Boolean(values.needs_ticket));
  }
  for (const e of marked(root, "text")) {
    const text = String(values[e.dataset.text ?? ""] ?? "");
    if (e.textContent !== text) e.textContent = text;
  }
  for (const e of marked(root, "label")) e.setAttribute("aria-label", values[e.dataset.label ?? ""] ?? "");
  for (const e of marked(root, "show")) {
    const value = values[e.dataset.show ?? ""];
    e.hidden = Array.isArray(value) ? value.length === 0 : !value;
    // What is hidden must not be sent along, nor be asked for.
    for (const field of e.querySelectorAll("select, input, textarea")) field.toggleAttribute("disabled", e.hidden);
  }
  for (const e of marked(root, "href")) {
    const href = address(e.dataset.href ?? "", values);
    if (href) e.setAttribute("href", href);
    else e.removeAttribute("href");
  }
  for (const e of marked(root, "act")) e.setAttribute("action", `/codes/${encodeURIComponent(values.id)}/${e.dataset.act}`);
  for (const e of marked(root, "action")) e.setAttribute("action", address(e.dataset.action ?? "", values));
  for (const e of marked(root, "options")) {
    if (e instanceof HTMLSelectElement) fillSelect(e, values[e.dataset.options ?? ""] ?? []);
  }
  for (const e of marked(root, "time")) {
    const at = values[e.dataset.time ?? ""];
    e.setAttribute("datetime", new Date(at).toISOString());
    e.textContent = localTime(at);
  }
  for (const e of within(root, "ww-timer")) {
    e.dataset.until = values.expires_at;
    if (e.isConnected && e instanceof Timer) e.draw();
  }
  for (const e of within(root, "ww-copy")) e.dataset.value = values.code ?? "";
}

/** @param {string} kind of `<template id="card-kind">` @param {Values} values @returns {HTMLElement} */
export function make(kind, values) {
  const template = document.getElementById(`card-${kind}`);
  if (!(template instanceof HTMLTemplateElement)) throw new Error(`no template card-${kind}`);
  const made = template.content.firstElementChild?.cloneNode(true);
  if (!(made instanceof HTMLElement)) throw new Error(`template card-${kind} is empty`);
  for (const details of made.querySelectorAll("details[name]")) details.setAttribute("name", `act-${values.id}`);
  if (made.id) made.id = `check-${values.id}`;
  fill(made, values);
  return made;
}

/** How many requests to a second person wait for whoever sits here, beside the place that leads to them. @param {any} news */
export function badge(news) {
  const place = document.querySelector("[data-asked]");
  if (!(place instanceof HTMLElement) || typeof news?.asked !== "number") return;
  const link = place.closest("a"), number = place.querySelector("[data-number]");
  if (link && news.asked > 0) link.hidden = false;
  place.hidden = news.asked === 0;
  if (number) number.textContent = String(news.asked);
}

/**
 * Make a list show exactly `rows`, in their order: what stays keeps its element, and with it focus and what was typed.
 * @param {Element} list @param {Values[]} rows each with `id` and `kind` @returns {HTMLElement[]} the new ones
 */
export function show(list, rows) {
  /** @type {Map<string, HTMLElement>} */
  const old = new Map();
  for (const e of list.children) if (e instanceof HTMLElement) old.set(`${e.dataset.kind} ${e.dataset.id}`, e);
  /** @type {HTMLElement[]} */
  const fresh = [];
  let place = list.firstElementChild;
  for (const row of rows) {
    const key = `${row.kind} ${row.id}`;
    let element = old.get(key);
    if (element && !("lapsed" in element.dataset)) {
      old.delete(key);
      fill(element, row);
    } else {
      element = make(row.kind, row);
      fresh.push(element);
    }
    if (element === place) place = place.nextElementSibling;
    else list.insertBefore(element, place);
  }
  for (const gone of old.values()) gone.remove();
  return fresh;
}

/**
 * Put one row into a list by its order, or make the one that stands there say what it says now.
 * @param {Element} list @param {Values} row @returns {HTMLElement | null} the element, when it is new
 */
export function put(list, row) {
  const old = list.querySelector(`:scope > [data-id="${CSS.escape(row.id)}"]`);
  if (old instanceof HTMLElement && old.dataset.kind === row.kind && !("lapsed" in old.dataset)) {
    fill(old, row);
    return null;
  }
  const made = make(row.kind, row);
  const below = [...list.children].find((e) => e !== old && e instanceof HTMLElement && Number(e.dataset.order) < row.order);
  list.insertBefore(made, below ?? null);
  old?.remove();
  return made;
}

customElements.define("ww-keys", Keys);
customElements.define("ww-keys-choice", KeysChoice);
customElements.define("ww-timer", Timer);
customElements.define("ww-copy", Copy);
localise(document);
