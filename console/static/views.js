// The views, each with an address of its own: #events, #groups, #dead-letters.

import { at } from "./dom.js";

const VIEWS = ["events", "groups", "dead-letters"];

const current = () => VIEWS.find((view) => `#${view}` === location.hash) ?? VIEWS[0];

/** Whether this view is shown. */
export function isShown(view) {
  return current() === view;
}

/** Show the view of the address, and call `changed` when another is chosen. */
export function watchViews(changed) {
  draw();
  addEventListener("hashchange", () => {
    draw();
    changed();
  });
}

function draw() {
  const view = current();
  at("page").dataset.view = view;
  for (const one of VIEWS) at(`view-${one}`).hidden = one !== view;
  for (const link of at("views").children) {
    if (link.getAttribute("href") === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}
