// The same request as a line for a shell. What is in an event is anybody's, so all of it is quoted, and nothing that a
// terminal could take for a command is left in it. The key is never written out.

import { compact, members, object } from "./json.js";

const KEY = '-H "Authorization: Bearer $TRIGGERS_API_KEY"';
const ADDED = ["position", "receivedat", "deliveredat"];

/** Linux takes no longer argument than 128 KiB. */
const MAX_ARGUMENT = 100_000;

/** Return `text` as one word of a POSIX shell. */
export function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Return the path at which the event is read. */
export function pathOf(event) {
  const query = new URLSearchParams({ inbox: event.inbox, source: event.source });
  return `/v1/events/${encodeURIComponent(event.id)}?${query}`;
}

/** Return the line that reads the event. */
export function reading(origin, event) {
  return `curl -sS ${quoted(origin + pathOf(event))} ${KEY}`;
}

/** Return the line that posts the event again, null if it is too long for one. */
export function posting(origin, event) {
  const given = [...members(event.raw)].filter(([name]) => !ADDED.includes(name));
  const body = compact(object(given));
  if (new TextEncoder().encode(body).length > MAX_ARGUMENT) return null;
  const type = "-H 'Content-Type: application/cloudevents+json'";
  return `curl -sS ${quoted(`${origin}/v1/events`)} ${KEY} ${type} --data-raw ${quoted(body)}`;
}
