// Requests as curl commands. Event content is untrusted, so all of it is quoted, and characters that a terminal would
// interpret are escaped. The key is never included.

import { compact, members, object } from "./json.js";

const KEY = '-H "Authorization: Bearer $TRIGGERS_API_KEY"';
const ADDED = ["position", "receivedat", "deliveredat"];

/** Linux limits one argument to 128 KiB. */
const MAX_ARGUMENT = 100_000;

/** Return `text` as one word of a POSIX shell. */
export function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Return the path of the event. */
export function pathOf(event) {
  const query = new URLSearchParams({ id: event.id, inbox: event.inbox, source: event.source });
  return `/v1/events?${query}`;
}

/** Return the command that reads the event. */
export function reading(origin, event) {
  return `curl -sS ${quoted(origin + pathOf(event))} ${KEY}`;
}

/** Return the command that posts the event again, null if it would be too long. */
export function posting(origin, event) {
  const given = [...members(event.raw)].filter(([name]) => !ADDED.includes(name));
  const body = compact(object(given));
  if (new TextEncoder().encode(body).length > MAX_ARGUMENT) return null;
  const type = "-H 'Content-Type: application/cloudevents+json'";
  return `curl -sS ${quoted(`${origin}/v1/events`)} ${KEY} ${type} --data-raw ${quoted(body)}`;
}
