// Follows one inbox: first its newest events, then new events by cursor, so that none is skipped without notice.

import { backoff, sleep } from "./api.js";
import { eventOf, eventOfZapier } from "./event.js";
import { items, members, stringOf } from "./json.js";

const NEWEST = 50;
const LIMIT = 500;
/** After this many full pages in a row, the feed skips to the newest events and reports it. */
const MAX_BEHIND = 10;
/** In an empty inbox, the feed starts slightly before the server's time, which is given in whole seconds. */
const MARGIN_MS = 10_000;

export class Feed {
  #api;
  #types;
  #listener;
  #after = null;
  #since = null;
  #behind = 0;

  /** `listener` has the methods `events(list, {live})`, `state(feed)` and `skipped(feed)`. `seconds` limits a long poll. */
  constructor(inbox, api, types, listener) {
    this.inbox = inbox;
    this.seconds = 20;
    this.state = "starting";
    this.error = null;
    this.retryAt = 0;
    this.#api = api;
    this.#types = types;
    this.#listener = listener;
  }

  /** Follow until `signal` is aborted or the request is refused. A later call resumes at the same place. */
  async run(signal) {
    for (let failures = 0; !signal.aborted; ) {
      try {
        if (this.#after === null && this.#since === null) await this.#begin(signal);
        else await this.#next(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        this.error = error;
        if (error.final) return this.#setState("refused");
        const seconds = backoff(error, failures++);
        this.retryAt = Date.now() + seconds * 1000;
        this.#setState("waiting");
        await sleep(seconds, signal).catch(() => {});
      }
    }
  }

  async #begin(signal) {
    const { text, serverMs } = await this.#api.get(this.#path({ format: "zapier", limit: NEWEST }), signal);
    const found = items(text).map((raw) => eventOfZapier(raw, this.inbox)).reverse();
    const newest = found.at(-1)?.storedMs ?? serverMs - MARGIN_MS;
    if (Number.isFinite(newest)) this.#since = new Date(newest).toISOString();
    else this.#after = "";
    this.#behind = 0;
    this.#setState("live");
    this.#listener.events(found, { live: false });
  }

  async #next(signal) {
    const from = this.#after ? { after: this.#after } : this.#since ? { since: this.#since } : {};
    // After an error, don't wait for events, so that the recovery shows immediately.
    const wait = this.error === null ? this.seconds : 0;
    const { text } = await this.#api.get(this.#path({ limit: LIMIT, wait, early: true, ...from }), signal, wait);
    const page = members(text);
    this.#after = stringOf(page.get("next"));
    this.#behind = page.get("more") === "true" ? this.#behind + 1 : 0;
    const found = items(page.get("events")).map((raw) => eventOf(raw, this.inbox));
    this.#setState(this.#behind > 1 ? "behind" : "live");
    this.#listener.events(found, { live: true });
    if (this.#behind > MAX_BEHIND) {
      this.#after = this.#since = null;
      this.#listener.skipped(this);
    }
  }

  #path(query) {
    const parameters = new URLSearchParams({ inbox: this.inbox, ...query });
    for (const type of this.#types) parameters.append("type", type);
    return `/v1/inbox?${parameters}`;
  }

  #setState(state) {
    this.state = state;
    if (state === "live" || state === "behind") this.error = null;
    this.#listener.state(this);
  }
}
