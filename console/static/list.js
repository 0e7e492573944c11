// The list of events: newest first, limited in number and size, with keyboard navigation.

import { at, el } from "./dom.js";
import { visible } from "./json.js";

const MAX_ROWS = 300;
/** The limit of JSON text in all rows, in characters. */
const MAX_CHARACTERS = 16_000_000;
const PAGE_ROWS = 10;

const two = (number) => String(number).padStart(2, "0");

/** Return a time of day with milliseconds; `–` for an invalid time. */
export function clock(ms) {
  const time = new Date(ms);
  if (Number.isNaN(time.getTime())) return "–";
  const milliseconds = String(time.getMilliseconds()).padStart(3, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${milliseconds}`;
}

/** Return a duration as a number and its unit. */
export function span(ms) {
  return ms < 10_000 ? [Math.round(ms).toLocaleString("en"), "ms"] : [(ms / 1000).toFixed(1), "s"];
}

/** Return whether `type` matches `filter`: contains it or, if that ends with `.*`, begins with the part before `*`. */
export function matches(filter, type) {
  if (filter === "" || filter === "*") return true;
  if (filter.endsWith(".*")) return type.startsWith(filter.slice(0, -1));
  return type.toLowerCase().includes(filter.toLowerCase());
}

export class List {
  #list = at("list");
  #empty = at("empty");
  #rows = new Map(); // oldest first: key → {event, row}
  #characters = 0;
  #numbers = 0;
  #selected = null;
  #filter = "";
  #chosen;

  /** `chosen(event)` is called when an event is selected, `entered()` when Enter is pressed on it. */
  constructor(chosen, entered) {
    this.#chosen = chosen;
    this.#list.addEventListener("click", (click) => this.#select(click.target.closest("[role=option]")));
    this.#list.addEventListener("keydown", (press) => this.#press(press, entered));
    this.#list.addEventListener("focus", () => {
      if (this.#selected === null) this.#select(this.#shown()[0]);
    });
  }

  /** Add events, oldest first; return those that are new. */
  add(events) {
    const fresh = events.filter((event) => !this.#rows.has(keyOf(event)));
    for (const event of fresh.slice(-MAX_ROWS)) {
      const row = this.#row(event);
      this.#rows.set(keyOf(event), { event, row });
      this.#characters += event.raw.length;
      this.#list.insertBefore(row, this.#place(event));
    }
    this.#trim();
    this.#drawEmpty();
    return fresh;
  }

  /** Remove all events, or those of one inbox. */
  clear(inbox = null) {
    for (const [key, { event }] of this.#rows) if (inbox === null || event.inbox === inbox) this.#drop(key);
    this.#drawEmpty();
  }

  /** Show only events of matching types. */
  filter(filter) {
    this.#filter = filter;
    for (const { event, row } of this.#rows.values()) row.hidden = !matches(filter, event.type);
    this.#drawEmpty();
  }

  /** Show or hide the column of inboxes. */
  nameInboxes(named) {
    this.#list.classList.toggle("many", named);
  }

  #row(event) {
    const stored = new Date(event.storedMs).toISOString();
    const latency = event.storedMs - event.acceptedMs;
    const row = el(
      "li",
      { role: "option", id: `event-${++this.#numbers}`, "aria-selected": "false" },
      el("time", { class: "time", datetime: stored, title: stored }, clock(event.storedMs)),
      el("span", { class: "type" }, visible(event.type)),
      el("span", { class: "id" }, visible(event.id)),
      el("span", { class: "inbox" }, event.inbox),
      el("span", { class: "latency", title: "Processing latency" }, Number.isFinite(latency) ? span(latency).join(" ") : ""),
    );
    row.hidden = !matches(this.#filter, event.type);
    row.dataset.key = keyOf(event);
    return row;
  }

  /** Return the row before which to insert `event`, usually the first. Inboxes are merged by position. */
  #place(event) {
    let next = this.#list.firstElementChild;
    while (next !== null && this.#rows.get(next.dataset.key).event.position > event.position) {
      next = next.nextElementSibling;
    }
    return next;
  }

  #trim() {
    while (this.#rows.size > MAX_ROWS || (this.#characters > MAX_CHARACTERS && this.#rows.size > 1)) {
      this.#drop(this.#list.lastElementChild.dataset.key);
    }
  }

  #drop(key) {
    const { event, row } = this.#rows.get(key);
    this.#characters -= event.raw.length;
    this.#rows.delete(key);
    if (row === this.#selected) {
      this.#selected = null;
      this.#list.removeAttribute("aria-activedescendant");
    }
    row.remove();
  }

  #drawEmpty() {
    this.#empty.hidden = this.#shown().length > 0;
    const hidden = this.#rows.size > 0;
    this.#empty.textContent = hidden ? "No event matches the filter." : "No events yet. Stored events appear here.";
  }

  #shown() {
    return [...this.#list.children].filter((row) => !row.hidden);
  }

  #select(row) {
    if (!row || row === this.#selected) return;
    this.#selected?.setAttribute("aria-selected", "false");
    this.#selected = row;
    row.setAttribute("aria-selected", "true");
    this.#list.setAttribute("aria-activedescendant", row.id);
    row.scrollIntoView({ block: "nearest" });
    this.#chosen(this.#rows.get(row.dataset.key).event);
  }

  #press(press, entered) {
    if (press.ctrlKey || press.metaKey || press.altKey) return;
    const rows = this.#shown();
    const now = rows.indexOf(this.#selected);
    const steps = { ArrowDown: now + 1, ArrowUp: now - 1, PageDown: now + PAGE_ROWS, PageUp: now - PAGE_ROWS };
    const goal = { ...steps, Home: 0, End: rows.length - 1 }[press.key];
    if (press.key === "Enter" && now >= 0) entered();
    else if (goal === undefined) return;
    else this.#select(rows[Math.max(0, Math.min(goal, rows.length - 1))]);
    press.preventDefault();
  }
}

function keyOf(event) {
  return `${event.inbox} ${event.position}`;
}
