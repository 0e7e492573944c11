// The selected event: its attributes, its data as text, and curl commands.

import { posting, reading } from "./curl.js";
import { at, attributes, el, opened } from "./dom.js";
import { compact, members, stringOf, textIn, visible } from "./json.js";
import { commandSection, jsonSection, textSection } from "./payload.js";
import { onZone, span, stamp } from "./zone.js";

const FIRST = ["id", "source", "subject", "time", "receivedat", "stored", "latency", "deliveredat", "expiresat", "inbox", "position"];
const TIMES = ["time", "receivedat", "deliveredat"];
const DATA = ["data", "data_base64"];
const HIDDEN = ["specversion", "type", ...DATA];
const LABELS = { receivedat: "accepted", deliveredat: "delivered", expiresat: "expires" };

let current = null;
onZone(() => current && draw(current));

/** Show `event` and, if known, when it expires; or a hint if it is null. */
export function show(event) {
  current = event;
  draw(event);
  at("detail").scrollTop = 0;
}

/** Show `content` instead of an event. */
export function showInstead(...content) {
  current = null;
  at("detail").replaceChildren(...content);
}

function draw(event) {
  if (event === null) {
    showInstead(el("p", { class: "empty" }, "The attributes and the data of the selected event appear here."));
    return;
  }
  const fields = members(event.raw);
  at("detail").replaceChildren(
    el(
      "div",
      { class: "title" },
      el("h3", {}, visible(event.type)),
      el("span", { class: event.delivered ? "tag good" : "tag" }, event.delivered ? "Delivered" : "Undelivered"),
    ),
    attributes(pairs(fields, event)),
    ...DATA.filter((name) => fields.has(name)).map((name) => jsonSection(name, fields.get(name))),
    ...decoded(fields),
    ...commands(event),
  );
}

function pairs(fields, event) {
  const latency = span(event.storedMs - event.acceptedMs).join(" ");
  const made = new Map([["stored", stamp(event.storedMs)], ["latency", latency]]);
  if (event.expiresMs !== undefined) made.set("expiresat", stamp(event.expiresMs));
  const others = [...fields.keys()].filter((name) => !FIRST.includes(name) && !HIDDEN.includes(name));
  return [...FIRST, ...others].flatMap((name) => {
    const text = made.get(name) ?? (fields.has(name) ? textOf(name, fields.get(name)) : null);
    return text === null ? [] : [[LABELS[name] ?? visible(name), text]];
  });
}

function textOf(name, value) {
  const text = value.startsWith('"') ? stringOf(value) : compact(value);
  const ms = TIMES.includes(name) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? visible(text) : stamp(ms);
}

// Content that is not JSON, or that parsers refuse.
function decoded(fields) {
  const text = textIn(fields.get("data_base64"));
  if (!text) return [];
  const isJson = /[/+]json\b/i.test(stringOf(fields.get("datacontenttype")));
  return [(isJson ? jsonSection : textSection)("data_base64, decoded", text)];
}

function commands(event) {
  const post = posting(location.origin, event);
  const repeat = "Within the deduplication window, an event with the same id is dropped. Change the id first.";
  const parts = [
    commandSection("Read this event", reading(location.origin, event)),
    post === null
      ? el("p", { class: "note" }, "Too large to post again from a command line.")
      : commandSection("Post it again", post, { hint: repeat }),
  ];
  return [opened("curl", "As curl commands", parts)];
}
