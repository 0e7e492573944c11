// Elements made by hand: text only ever becomes text.

const SVG = "http://www.w3.org/2000/svg";

/** Return the element with this id. */
export function at(id) {
  return document.getElementById(id);
}

/** Return a new element. Children are elements or text; attributes that are null or false are left out. */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Return a new element of an SVG. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Show `text` in `element`, and hide it if there is none; nothing is touched that is right already. */
export function tell(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = text === "";
}
