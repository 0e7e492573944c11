// Reads events that are not followed: of a range of time, or those delivered last.

import { eventOf, eventOfZapier } from "./event.js";
import { items, members, stringOf } from "./json.js";

/** The limit of events in one result. */
export const RESULTS = 300;
const NEWEST = 100;

function path(inbox, types, query) {
  const parameters = new URLSearchParams({ inbox, ...query });
  for (const type of types) parameters.append("type", type);
  return `/v1/inbox?${parameters}`;
}

/** Return the events delivered last by position, oldest first. */
export async function newestDelivered(api, { inbox, types }, signal) {
  const { text } = await api.get(path(inbox, types, { status: "delivered", format: "zapier", limit: NEWEST }), signal);
  return items(text).map((raw) => eventOfZapier(raw, inbox)).reverse();
}

/**
 * Return `{events, next}`: up to `RESULTS` events that were stored from `fromMs` to `toMs` (inclusive), oldest first, and
 * the cursor for those that follow, null if there are none. `after` is such a cursor.
 */
export async function readRange(api, { inbox, types, delivered, fromMs, toMs }, after, signal) {
  const status = delivered ? "delivered" : "undelivered";
  const events = [];
  let from = after === null ? { since: new Date(fromMs).toISOString() } : { after };
  for (;;) {
    const query = { status, limit: RESULTS - events.length, ...from };
    const { text } = await api.get(path(inbox, types, query), signal);
    const page = members(text);
    const found = items(page.get("events")).map((raw) => eventOf(raw, inbox));
    const within = found.filter((event) => event.storedMs <= toMs);
    events.push(...within);
    const next = stringOf(page.get("next"));
    if (page.get("more") !== "true" || within.length < found.length) return { events, next: null };
    if (events.length >= RESULTS) return { events, next };
    from = { after: next };
  }
}
