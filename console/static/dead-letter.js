// The opened dead letter: what it is, and its events or its raw text.

import { at, attributes, button, el, opened } from "./dom.js";
import { items, members, stringOf, visible } from "./json.js";
import { jsonSection, textSection } from "./payload.js";
import { forbidden } from "./teach.js";
import { stamp } from "./zone.js";

const KINDS = { events: ["event", "events"], acks: ["ack", "acks"], remove: ["removal", "removals"] };
const MAX_EVENTS = 20;

/** Return what a dead letter contains, such as `3 events`. */
export function contentsOf({ kind, events }) {
  return kind === null ? "Unreadable" : `${events.toLocaleString("en")} ${KINDS[kind][events === 1 ? 0 : 1]}`;
}

/** Show that none is open. */
export function showNone(text) {
  at("dead-letter").replaceChildren(el("p", { class: "empty" }, text));
}

/** Show the description of a dead letter, and below it `content`. */
export function showDescribed(described, ...content) {
  const { first } = described;
  const pairs = [
    ["contents", contentsOf(described)],
    ["tenant", described.tenant],
    ["key", described.key_id],
    ["accepted", described.accepted_at === null ? null : stamp(described.accepted_at)],
    ["receives", String(described.receives)],
    ["inbox", first?.inbox],
    ["source", first?.source],
    ["event id", first?.id],
    ["message", described.id],
  ].filter(([, text]) => text !== null && text !== undefined);
  at("dead-letter").replaceChildren(
    el("div", { class: "title" }, el("h3", {}, visible(first?.type ?? contentsOf(described)))),
    el("p", { class: "reason" }, visible(described.reason)),
    attributes(pairs.map(([name, text]) => [name, visible(text)])),
    ...content,
  );
}

/** Return the content of an answer of `GET /v1/dlq/{id}`, whose JSON text stays as it is. */
export function contentOf(text) {
  const fields = members(text);
  const raw = fields.get("text");
  if (raw !== "null") return [textSection("Raw text", stringOf(raw))];
  const payloads = items(fields.get("payloads"));
  const more = payloads.length - MAX_EVENTS + Number(fields.get("omitted"));
  const sections = payloads.slice(0, MAX_EVENTS).map((payload) => eventSection(payload, payloads.length));
  if (more > 0) {
    const note = `${more.toLocaleString("en")} more. triggers dlq show --payload prints all of them.`;
    sections.push(el("p", { class: "note" }, note));
  }
  return sections.length ? sections : [el("p", { class: "note" }, "This message has no payload.")];
}

function eventSection(payload, count) {
  const fields = members(payload);
  const name = `${stringOf(fields.get("type"))} ${stringOf(fields.get("id"))}`;
  return count === 1 ? jsonSection("Event", payload) : opened(`payload ${name}`, visible(name), [jsonSection("Event", payload)]);
}

/** Return what to show instead of the content if the key may not see it. */
export function withheld(key) {
  return [el("div", { class: "lesson" }, ...forbidden("Opening dead letters", key, "dlq:admin"))];
}

/** Return what to show if the content could not be read. */
export function failed(error, again) {
  return [el("p", { class: "note warn" }, error.message), el("p", {}, button("Try again", again))];
}
