// @ts-check
// Fills the page's own templates with values. Text only: nothing that comes from the server is ever read as HTML.

import { localTime } from "./parts.js";

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

/** @param {Element} root @param {string} name of the data attribute @returns {HTMLElement[]} */
function marked(root, name) {
  return [...root.querySelectorAll(`[data-${name}]`)].filter((e) => e instanceof HTMLElement);
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
  if (values.tone) root.dataset.tone = values.tone;
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
  for (const e of root.querySelectorAll("ww-timer")) {
    if (e instanceof HTMLElement) e.dataset.until = values.expires_at;
  }
  for (const e of root.querySelectorAll("ww-copy")) {
    if (e instanceof HTMLElement) e.dataset.value = values.code;
  }
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
    if (element) {
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
