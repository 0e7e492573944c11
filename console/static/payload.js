// Shows content as text: JSON with colours, invisible characters spelled out, and buttons that copy.

import { el } from "./dom.js";
import { pretty, visible } from "./json.js";

const MAX_COLOURED = 20_000;
const COPIED_MS = 2000;

/** Return a section with the JSON `text` named `name`. */
export function jsonSection(name, text) {
  return section(name, text, pretty(text));
}

/** Return a section with `text` that is not JSON. */
export function textSection(name, text) {
  return section(name, text, { parts: [["string", visible(text)]], cut: false });
}

function section(name, text, { parts, cut }) {
  const code = el("code", {});
  if (parts.length > MAX_COLOURED) code.append(parts.map(([, some]) => some).join(""));
  else for (const [kind, some] of parts) code.append(kind === "mark" ? some : el("span", { class: kind }, some));
  const size = `${text.length.toLocaleString("en")} characters`;
  return el(
    "section",
    { class: "data" },
    el("div", { class: "head" }, el("h4", {}, name), el("span", { class: "note" }, size), copier(text, "Copy")),
    el("pre", { tabindex: "0", "aria-label": name }, code),
    cut ? el("p", { class: "note warn" }, "Too long to show in full. Copy it, or read it with curl, to get all of it.") : null,
  );
}

/** Return a section with the shell command `line`; `copied` is what its button copies. */
export function commandSection(title, line, { hint = "", copied = line, label = "Copy" } = {}) {
  return el(
    "section",
    { class: "command" },
    el("div", { class: "head" }, el("h4", {}, title), copier(copied, label)),
    el("pre", { tabindex: "0", "aria-label": `${title}: command` }, el("code", {}, line)),
    hint ? el("p", { class: "note" }, hint) : null,
  );
}

/** Return a button that copies `text`. */
export function copier(text, label) {
  const button = el("button", { type: "button", class: "small" }, label);
  button.addEventListener("click", async () => {
    button.textContent = (await copy(text)) ? "Copied" : "Can't copy: select the text";
    setTimeout(() => (button.textContent = label), COPIED_MS);
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
