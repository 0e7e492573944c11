// Follows one inbox: first its newest events, then what comes, by cursor, so that nothing is passed over unsaid.

import { backoff, sleep } from "./api.js";
import { items, members, object, said } from "./json.js";

const NEWEST = 50;
const LIMIT = 500;
/** After so many full pages in a row the page goes on with the newest events and says so. */
const MAX_BEHIND = 10;
/** Without events to begin behind, it begins a little before the server's time, which is told in whole seconds. */
const MARGIN_MS = 10_000;

/** One event, as it is listed. `raw` is its text; `storedMs` is when its position was given. */
function eventOf(raw, inbox) {
  const fields = members(raw);
  const position = said(fields.get("position"));
  return {
    // A slice of a page would keep the whole page.
    raw: ` ${raw}`.slice(1),
    inbox,
    position,
    id: said(fields.get("id")),
    type: said(fields.get("type")),
    source: said(fields.get("source")),
    acceptedMs: Date.parse(said(fields.get("receivedat"))),
    storedMs: timeOf(position),
  };
}

/** Return the milliseconds in a UUIDv7. */
function timeOf(position) {
  return Number.parseInt(position.slice(0, 8) + position.slice(9, 13), 16);
}

/** With `format=zapier` the id is the position. */
function ownForm(raw) {
  const fields = members(raw);
  fields.set("id", fields.get("eventid"));
  fields.delete("eventid");
  return object(fields);
}

export class Feed {
  #api;
  #types;
  #hear;
  #after = null;
  #since = null;
  #behind = 0;

  /** `hear` is called as `events(list, {live})`, `state(feed)` and `skipped(feed)`. `seconds` is that of a long poll. */
  constructor(inbox, api, types, hear) {
    this.inbox = inbox;
    this.seconds = 20;
    this.state = "starting";
    this.trouble = null;
    this.retryAt = 0;
    this.#api = api;
    this.#types = types;
    this.#hear = hear;
  }

  /** Follow until `signal` is aborted, or the key may not. May be called again, and goes on where it was. */
  async run(signal) {
    for (let failures = 0; !signal.aborted; ) {
      try {
        if (this.#after === null && this.#since === null) await this.#begin(signal);
        else await this.#next(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        this.trouble = error;
        if (error.final) return this.#be("refused");
        const seconds = backoff(error, failures++);
        this.retryAt = Date.now() + seconds * 1000;
        this.#be("waiting");
        await sleep(seconds, signal).catch(() => {});
      }
    }
  }

  async #begin(signal) {
    const { text, serverMs } = await this.#api.get(this.#path({ format: "zapier", limit: NEWEST }), signal);
    const found = items(text).map((raw) => eventOf(ownForm(raw), this.inbox)).reverse();
    const newest = found.at(-1)?.storedMs ?? serverMs - MARGIN_MS;
    if (Number.isFinite(newest)) this.#since = new Date(newest).toISOString();
    else this.#after = "";
    this.#behind = 0;
    this.#be("live");
    this.#hear.events(found, { live: false });
  }

  async #next(signal) {
    const from = this.#after ? { after: this.#after } : this.#since ? { since: this.#since } : {};
    // After trouble not for long: that it has passed is to be seen at once.
    const wait = this.trouble === null ? this.seconds : 0;
    const { text } = await this.#api.get(this.#path({ limit: LIMIT, wait, ...from }), signal, wait);
    const page = members(text);
    this.#after = said(page.get("next"));
    this.#behind = page.get("more") === "true" ? this.#behind + 1 : 0;
    const found = items(page.get("events")).map((raw) => eventOf(raw, this.inbox));
    this.#be(this.#behind > 1 ? "behind" : "live");
    this.#hear.events(found, { live: true });
    if (this.#behind > MAX_BEHIND) {
      this.#after = this.#since = null;
      this.#hear.skipped(this);
    }
  }

  #path(query) {
    const asked = new URLSearchParams({ inbox: this.inbox, ...query });
    for (const type of this.#types) asked.append("type", type);
    return `/v1/inbox?${asked}`;
  }

  #be(state) {
    this.state = state;
    if (state === "live" || state === "behind") this.trouble = null;
    this.#hear.state(this);
  }
}
