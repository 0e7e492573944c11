// The list of events: the newest first, so many and no more; walked with the arrow keys.

import { at, el } from "./dom.js";
import { visible } from "./json.js";

const MAX_ROWS = 300;
/** Of JSON text that rows keep, in characters. */
const MAX_HELD = 16_000_000;
const PAGE_ROWS = 10;

const two = (number) => String(number).padStart(2, "0");

/** Return a time of day with milliseconds; `–` for none. */
export function clock(ms) {
  const time = new Date(ms);
  if (Number.isNaN(time.getTime())) return "–";
  const milliseconds = String(time.getMilliseconds()).padStart(3, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${milliseconds}`;
}

/** Return a span as a number and its unit. */
export function span(ms) {
  return ms < 10_000 ? [Math.round(ms).toLocaleString("en"), "ms"] : [(ms / 1000).toFixed(1), "s"];
}

/** Whether `type` is what is looked for: a part of it, or with `.*` its beginning. */
export function matches(sought, type) {
  if (sought === "" || sought === "*") return true;
  if (sought.endsWith(".*")) return type.startsWith(sought.slice(0, -1));
  return type.toLowerCase().includes(sought.toLowerCase());
}

export class List {
  #list = at("list");
  #empty = at("empty");
  #rows = new Map(); // oldest first: key → {event, row}
  #held = 0;
  #numbers = 0;
  #selected = null;
  #sought = "";
  #chosen;

  /** `chosen(event)` is called when one is selected, `entered()` when Enter is pressed on it. */
  constructor(chosen, entered) {
    this.#chosen = chosen;
    this.#list.addEventListener("click", (click) => this.#select(click.target.closest("[role=option]")));
    this.#list.addEventListener("keydown", (press) => this.#press(press, entered));
    this.#list.addEventListener("focus", () => {
      if (this.#selected === null) this.#select(this.#shown()[0]);
    });
  }

  /** Add events, oldest first; return those that were not there. */
  add(events) {
    const fresh = events.filter((event) => !this.#rows.has(keyOf(event)));
    for (const event of fresh.slice(-MAX_ROWS)) {
      const row = this.#row(event);
      this.#rows.set(keyOf(event), { event, row });
      this.#held += event.raw.length;
      this.#list.insertBefore(row, this.#place(event));
    }
    this.#trim();
    this.#tellEmpty();
    return fresh;
  }

  /** Forget all events; of one inbox if it is named. */
  clear(inbox = null) {
    for (const [key, { event }] of this.#rows) if (inbox === null || event.inbox === inbox) this.#drop(key);
    this.#tellEmpty();
  }

  /** Show only events of matching types. */
  seek(sought) {
    this.#sought = sought;
    for (const { event, row } of this.#rows.values()) row.hidden = !matches(sought, event.type);
    this.#tellEmpty();
  }

  /** Show or hide the column of inboxes. */
  nameInboxes(named) {
    this.#list.classList.toggle("many", named);
  }

  #row(event) {
    const stored = new Date(event.storedMs).toISOString();
    const late = event.storedMs - event.acceptedMs;
    const row = el(
      "li",
      { role: "option", id: `event-${++this.#numbers}`, "aria-selected": "false" },
      el("time", { class: "time", datetime: stored, title: stored }, clock(event.storedMs)),
      el("span", { class: "type" }, visible(event.type)),
      el("span", { class: "id" }, visible(event.id)),
      el("span", { class: "inbox" }, event.inbox),
      el("span", { class: "late", title: "From accepted to stored" }, Number.isFinite(late) ? span(late).join(" ") : ""),
    );
    row.hidden = !matches(this.#sought, event.type);
    row.dataset.key = keyOf(event);
    return row;
  }

  /** Return the row before which `event` goes: nearly always the first. Inboxes are merged by position. */
  #place(event) {
    let next = this.#list.firstElementChild;
    while (next !== null && this.#rows.get(next.dataset.key).event.position > event.position) {
      next = next.nextElementSibling;
    }
    return next;
  }

  #trim() {
    while (this.#rows.size > MAX_ROWS || (this.#held > MAX_HELD && this.#rows.size > 1)) {
      this.#drop(this.#list.lastElementChild.dataset.key);
    }
  }

  #drop(key) {
    const { event, row } = this.#rows.get(key);
    this.#held -= event.raw.length;
    this.#rows.delete(key);
    if (row === this.#selected) {
      this.#selected = null;
      this.#list.removeAttribute("aria-activedescendant");
    }
    row.remove();
  }

  #tellEmpty() {
    this.#empty.hidden = this.#shown().length > 0;
    const hidden = this.#rows.size > 0;
    this.#empty.textContent = hidden ? "None of the events here is of such a type." : "No events yet. They show up here as they are stored.";
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
