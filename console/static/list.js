// The grid of events: newest first, limited in number and size, with keyboard navigation.

import { at, el } from "./dom.js";
import { keyOf } from "./event.js";
import { visible } from "./json.js";
import { clock, onZone, span, stamp } from "./zone.js";

const MAX_ROWS = 300;
/** The limit of JSON text in all rows, in characters. */
const MAX_CHARACTERS = 16_000_000;
const PAGE_ROWS = 10;

/** Return whether `type` matches `filter`: contains it or, if that ends with `.*`, begins with the part before `*`. */
export function matches(filter, type) {
  if (filter === "" || filter === "*") return true;
  if (filter.endsWith(".*")) return type.startsWith(filter.slice(0, -1));
  return type.toLowerCase().includes(filter.toLowerCase());
}

export class List {
  #grid = at("list");
  #body = at("rows");
  #rows = new Map(); // oldest first: key → {event, row}
  #characters = 0;
  #numbers = 0;
  #selected = null;
  #filter = "";
  #chosen;

  /**
   * `chosen(event)` is called when an event is selected, `entered()` when the user opens the selected one: with Enter, or
   * by pressing on it.
   */
  constructor(chosen, entered) {
    this.#chosen = chosen;
    this.#body.addEventListener("click", (click) => {
      const row = click.target.closest("tr");
      if (row === null) return;
      this.#select(row);
      entered({ byKey: false });
    });
    this.#grid.addEventListener("keydown", (press) => this.#press(press, entered));
    onZone(() => this.#drawTimes());
  }

  /** The number of events. */
  get size() {
    return this.#rows.size;
  }

  /** The number of events that match the filter. */
  get shown() {
    return this.#shown().length;
  }

  /** The events, oldest first. */
  get events() {
    return [...this.#rows.values()].map(({ event }) => event);
  }

  /** Add events, oldest first, and select the newest if none is selected; return those that are new. */
  add(events) {
    const fresh = events.filter((event) => !this.#rows.has(keyOf(event)));
    for (const event of fresh.slice(-MAX_ROWS)) {
      const row = this.#row(event);
      this.#rows.set(keyOf(event), { event, row });
      this.#characters += event.raw.length;
      this.#body.insertBefore(row, this.#place(event));
    }
    this.#trim();
    if (this.#selected === null) this.#select(this.#shown()[0], { scroll: false });
    return fresh;
  }

  /** Select the event with this id, if it is listed and, unless null, from this source; return whether it is. */
  find(id, source) {
    const found = this.events.findLast((event) => event.id === id && (source === null || event.source === source));
    if (found !== undefined) this.#select(this.#rows.get(keyOf(found)).row);
    return found !== undefined;
  }

  /** Remove all events. */
  clear() {
    for (const key of [...this.#rows.keys()]) this.#drop(key);
  }

  /** Select none. */
  deselect() {
    this.#selected?.setAttribute("aria-selected", "false");
    this.#selected = null;
    this.#grid.removeAttribute("aria-activedescendant");
  }

  /** Show only events of matching types. */
  filter(filter) {
    this.#filter = filter;
    for (const { event, row } of this.#rows.values()) row.hidden = !matches(filter, event.type);
  }

  #row(event) {
    const latency = event.storedMs - event.acceptedMs;
    const row = el(
      "tr",
      { role: "row", id: `event-${++this.#numbers}`, "aria-selected": "false" },
      el("td", { role: "gridcell", class: "time", title: stamp(event.storedMs) }, clock(event.storedMs)),
      el("td", { role: "gridcell", class: "type" }, visible(event.type)),
      el("td", { role: "gridcell", class: "id" }, visible(event.id)),
      el("td", { role: "gridcell", class: "latency" }, Number.isFinite(latency) ? span(latency).join(" ") : ""),
    );
    row.hidden = !matches(this.#filter, event.type);
    row.dataset.key = keyOf(event);
    return row;
  }

  #drawTimes() {
    for (const { event, row } of this.#rows.values()) {
      row.firstChild.textContent = clock(event.storedMs);
      row.firstChild.title = stamp(event.storedMs);
    }
  }

  /** Return the row before which to insert `event`, usually the first. */
  #place(event) {
    let next = this.#body.firstElementChild;
    while (next !== null && this.#rows.get(next.dataset.key).event.position > event.position) {
      next = next.nextElementSibling;
    }
    return next;
  }

  #trim() {
    while (this.#rows.size > MAX_ROWS || (this.#characters > MAX_CHARACTERS && this.#rows.size > 1)) {
      this.#drop(this.#body.lastElementChild.dataset.key);
    }
  }

  #drop(key) {
    const { event, row } = this.#rows.get(key);
    this.#characters -= event.raw.length;
    this.#rows.delete(key);
    if (row === this.#selected) this.deselect();
    row.remove();
  }

  #shown() {
    return [...this.#body.children].filter((row) => !row.hidden);
  }

  #select(row, { scroll = true } = {}) {
    if (!row || row === this.#selected) return;
    this.deselect();
    this.#selected = row;
    row.setAttribute("aria-selected", "true");
    this.#grid.setAttribute("aria-activedescendant", row.id);
    if (scroll) row.scrollIntoView({ block: "nearest" });
    this.#chosen(this.#rows.get(row.dataset.key).event);
  }

  #press(press, entered) {
    if (press.ctrlKey || press.metaKey || press.altKey) return;
    const rows = this.#shown();
    const now = rows.indexOf(this.#selected);
    const steps = { ArrowDown: now + 1, ArrowUp: now - 1, PageDown: now + PAGE_ROWS, PageUp: now - PAGE_ROWS };
    const goal = { ...steps, Home: 0, End: rows.length - 1 }[press.key];
    if (press.key === "Enter" && now >= 0) entered({ byKey: true });
    else if (goal === undefined) return;
    else this.#select(rows[Math.max(0, Math.min(goal, rows.length - 1))]);
    press.preventDefault();
  }
}
