// The selected event: its attributes, its data as text, and curl commands.

import { posting, reading } from "./curl.js";
import { at, el } from "./dom.js";
import { compact, members, pretty, stringOf, textIn, visible } from "./json.js";
import { span } from "./list.js";

const FIRST = ["id", "source", "type", "subject", "time", "inbox", "receivedat", "position"];
const DATA = ["data", "data_base64"];
const MAX_COLOURED = 20_000;

/** Show `event`, or a hint if it is null. */
export function show(event) {
  const detail = at("detail");
  if (event === null) {
    detail.replaceChildren(el("p", { class: "empty" }, "Select an event to see its details."));
    return;
  }
  const fields = members(event.raw);
  detail.replaceChildren(
    el("h3", {}, visible(event.type)),
    attributes(fields, event),
    ...DATA.filter((name) => fields.has(name)).map((name) => data(name, fields.get(name))),
    ...decoded(fields),
    ...commands(event),
  );
  detail.scrollTop = 0;
}

function attributes(fields, event) {
  const names = [...FIRST.filter((name) => fields.has(name)), ...others(fields)];
  const pairs = names.flatMap((name) => [el("dt", {}, visible(name)), el("dd", {}, textOf(fields.get(name)))]);
  const latency = span(event.storedMs - event.acceptedMs).join(" ");
  const stored = `${new Date(event.storedMs).toISOString()}, ${latency} after acceptance`;
  return el("dl", { class: "attributes" }, ...pairs, el("dt", {}, "stored"), el("dd", {}, stored));
}

function others(fields) {
  return [...fields.keys()].filter((name) => !FIRST.includes(name) && !DATA.includes(name) && name !== "specversion");
}

function textOf(value) {
  return visible(value.startsWith('"') ? stringOf(value) : compact(value));
}

// Content that is not JSON, or that parsers refuse.
function decoded(fields) {
  const text = textIn(fields.get("data_base64"));
  if (!text) return [];
  const isJson = /[/+]json\b/i.test(stringOf(fields.get("datacontenttype")));
  return [data("data_base64, decoded", text, isJson ? undefined : { parts: [["string", visible(text)]], cut: false })];
}

function data(name, text, { parts, cut } = pretty(text)) {
  const code = el("code", {});
  if (parts.length > MAX_COLOURED) code.append(parts.map(([, some]) => some).join(""));
  else for (const [kind, some] of parts) code.append(kind === "mark" ? some : el("span", { class: kind }, some));
  const size = text.length.toLocaleString("en");
  return el(
    "section",
    { class: "data" },
    el("div", { class: "head" }, el("h4", {}, name), el("span", { class: "note" }, `${size} characters`), copier(text, "Copy")),
    el("pre", { tabindex: "0", "aria-label": name }, code),
    cut ? el("p", { class: "note warn" }, "Too long to show in full. Copy it, or read it with curl, to get all of it.") : null,
  );
}

function commands(event) {
  const post = posting(location.origin, event);
  const repeat = "Within the deduplication window, an event with the same id is dropped. Change the id first.";
  return [
    command("Read this event", reading(location.origin, event), ""),
    post === null
      ? el("p", { class: "note" }, "Too large to post again from a command line.")
      : command("Post it again", post, repeat),
  ];
}

function command(title, line, hint) {
  return el(
    "section",
    { class: "command" },
    el("div", { class: "head" }, el("h4", {}, title), el("span", { class: "note" }, hint), copier(line, "Copy curl")),
    el("pre", { tabindex: "0", "aria-label": `${title} with curl` }, el("code", {}, line)),
  );
}

function copier(text, label) {
  const button = el("button", { type: "button", class: "small" }, label);
  button.addEventListener("click", async () => {
    const done = await copy(text);
    button.textContent = done ? "Copied" : "Can't copy: select the text";
    setTimeout(() => (button.textContent = label), 2000);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no permission, or no TLS
  }
}
