// An event as the page uses it, read from the JSON text of the API.

import { members, object, stringOf } from "./json.js";

/**
 * Return an event for the list. `raw` is its JSON text; `storedMs` is when its position was assigned, and the times that
 * are unknown are NaN.
 */
export function eventOf(raw, inbox) {
  const fields = members(raw);
  const position = stringOf(fields.get("position"));
  return {
    // A copy: a slice would keep the text of the whole page in memory.
    raw: ` ${raw}`.slice(1),
    inbox,
    position,
    id: stringOf(fields.get("id")),
    type: stringOf(fields.get("type")),
    source: stringOf(fields.get("source")),
    delivered: fields.has("deliveredat"),
    acceptedMs: Date.parse(stringOf(fields.get("receivedat"))),
    storedMs: timeOf(position),
  };
}

/** Return an event of a page with `format=zapier`, in which the id is the position. */
export function eventOfZapier(raw, inbox) {
  const fields = members(raw);
  fields.set("id", fields.get("eventid"));
  fields.delete("eventid");
  return eventOf(object(fields), inbox);
}

/** Return the milliseconds in a UUIDv7. */
function timeOf(position) {
  return Number.parseInt(position.slice(0, 8) + position.slice(9, 13), 16);
}

/** Return the key that identifies the event on the page. */
export function keyOf(event) {
  return `${event.inbox} ${event.position}`;
}
