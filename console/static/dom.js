// Creates DOM elements. Strings only become text nodes, never markup.

/** Return the element with the given id. */
export function at(id) {
  return document.getElementById(id);
}

/** Return a new element. Children are elements or strings; null children, and null or false attributes, are skipped. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Return a button that calls `act` when it is pressed. */
export function button(label, act, attributes = {}) {
  const element = el("button", { type: "button", ...attributes }, label);
  element.addEventListener("click", act);
  return element;
}

/** Return a description list of `[name, text]` pairs. */
export function attributes(pairs) {
  const parts = pairs.flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]);
  return el("dl", { class: "attributes" }, ...parts);
}

const open = new Set();

/** Return a section that can be opened. It stays open or closed when it is drawn again under the same `name`. */
export function opened(name, title, parts) {
  const details = el("details", { open: open.has(name) }, el("summary", {}, title), ...parts);
  details.addEventListener("toggle", () => (details.open ? open.add(name) : open.delete(name)));
  return details;
}

/** Show `text` in `element`, or hide the element if the text is empty; unchanged text is not written again. */
export function showText(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = text === "";
}
