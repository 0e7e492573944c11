// Creates DOM elements. Strings only become text nodes, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** Return the element with the given id. */
export function at(id) {
  return document.getElementById(id);
}

/** Return a new element. Children are elements or strings; null children, and null or false attributes, are skipped. */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Return a new SVG element. */
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

/** Show `text` in `element`, or hide the element if the text is empty; unchanged text is not written again. */
export function showText(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = text === "";
}
