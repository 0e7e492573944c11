// The list of inboxes, with the number of undelivered events of each. Counting costs tokens, so it is done in turn.

import { backoff, sleep } from "./api.js";
import { at, button, el } from "./dom.js";

const KEY = "triggers.inbox";
const DEFAULT = "default";
const READ = "inbox:read";
const LIMIT = 200;
const LIST_SECONDS = 20;
const COUNT_SECONDS = 5;
/** Inboxes that are counted besides the current one. */
const MAX_COUNTED = 20;
/** Inboxes that are counted at once when they are listed first. */
const MAX_AT_ONCE = 5;
const COUNT_TOKENS = 10;
/** The share of the key's rate that counting may use. */
const SHARE = 0.05;

export class Inboxes {
  #api = null;
  #key = null;
  #names = [];
  #visited = new Set();
  #counts = new Map();
  #chosen;
  #counted;
  #seconds = COUNT_SECONDS;
  current = sessionStorage.getItem(KEY) ?? DEFAULT;

  /** `chosen()` is called when the user opens another inbox, `counted(count)` with the count of the current one. */
  constructor(chosen, counted) {
    this.#chosen = chosen;
    this.#counted = counted;
    at("inbox-form").addEventListener("submit", (submit) => {
      submit.preventDefault();
      const inbox = at("inbox").value.trim();
      at("inbox").value = "";
      if (inbox !== "") this.#open(inbox);
    });
  }

  /** The names that are shown. */
  get names() {
    return [...new Set([...this.#names, ...this.#visited])].sort();
  }

  /** Use another key; null for none. */
  use(api, key) {
    [this.#api, this.#key] = [api, key];
    this.#names = [];
    this.#visited = new Set([this.current]);
    this.#counts.clear();
    if (key !== null) this.#seconds = Math.max(COUNT_SECONDS, COUNT_TOKENS / (SHARE * key.rate));
    this.#draw();
  }

  /** Keep the list and the counts up to date until `signal` is aborted. */
  async run(signal) {
    if (!this.#key.scopes.includes(READ)) return;
    await this.#list(signal).catch(() => {});
    await Promise.all([
      this.#repeat(LIST_SECONDS, signal, (turn) => turn && this.#list(signal)),
      this.#repeat(this.#seconds, signal, (turn) => this.#count(turn, signal)),
    ]);
  }

  async #repeat(seconds, signal, work) {
    for (let turn = 0, failures = 0; !signal.aborted; turn += 1) {
      let pause = seconds;
      try {
        await work(turn);
        failures = 0;
      } catch (error) {
        if (signal.aborted || error.final) return;
        pause = backoff(error, failures++);
      }
      await sleep(pause, signal).catch(() => {});
    }
  }

  async #list(signal) {
    const { text } = await this.#api.get(`/v1/inboxes?limit=${LIMIT}`, signal);
    this.#names = JSON.parse(text).inboxes.map(({ inbox }) => inbox);
    this.#draw();
  }

  /** Count the current inbox, and of the others those not counted yet, or one. */
  async #count(turn, signal) {
    const others = this.names.filter((name) => name !== this.current).slice(0, MAX_COUNTED);
    const unknown = others.filter((name) => !this.#counts.has(name)).slice(0, MAX_AT_ONCE);
    const due = [this.current, ...(unknown.length ? unknown : others.slice(turn % others.length).slice(0, 1))];
    for (const inbox of due) {
      const { text } = await this.#api.get(`/v1/inbox?inbox=${encodeURIComponent(inbox)}&limit=1&count=true`, signal);
      this.#counts.set(inbox, JSON.parse(text).undelivered);
      this.#draw();
    }
  }

  #open(inbox) {
    if (inbox === this.current) return;
    this.current = inbox;
    this.#visited.add(inbox);
    sessionStorage.setItem(KEY, inbox);
    this.#draw();
    this.#chosen();
    at("inboxes").querySelector("[aria-current=true]").focus();
  }

  #draw() {
    const names = this.names;
    const rows = [...at("inboxes").children];
    // Unchanged rows are kept, so that none loses the focus.
    if (rows.map((row) => row.dataset.inbox).join(" ") !== names.join(" ")) {
      const focused = document.activeElement?.closest("#inboxes li")?.dataset.inbox;
      at("inboxes").replaceChildren(...names.map((name) => this.#row(name)));
      if (focused) at("inboxes").querySelector(`[data-inbox="${focused}"] button`)?.focus();
    }
    for (const row of at("inboxes").children) this.#drawRow(row);
    this.#counted(shownCount(this.#counts.get(this.current)));
  }

  #row(name) {
    const open = button("", () => this.#open(name), { title: name });
    open.append(el("span", { class: "name" }, name), el("span", { class: "count" }));
    return el("li", { "data-inbox": name }, open);
  }

  #drawRow(row) {
    const name = row.dataset.inbox;
    const one = row.firstChild;
    const count = shownCount(this.#counts.get(name));
    one.setAttribute("aria-current", String(name === this.current));
    if (one.lastChild.textContent !== count) one.lastChild.textContent = count;
    if (count !== "") one.setAttribute("aria-label", `${name}, ${count} undelivered`);
  }
}

/** Return a count as text: 1,204, or 10,000+; "" if it is not known. */
function shownCount(count) {
  if (count === undefined) return "";
  const digits = Number.parseInt(count, 10).toLocaleString("en");
  return String(count).endsWith("+") ? `${digits}+` : digits;
}
