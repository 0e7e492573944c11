// On a narrow screen, details cover the list until the user returns to it. On a wide one, they are beside it.

import { at, button } from "./dom.js";

const NARROW = "(max-width: 60rem)";

export class Panels {
  #opened = null;
  #before = null;
  #narrow = matchMedia(NARROW);

  constructor() {
    for (const id of ["detail", "dead-letter"]) {
      const back = button("Back", () => this.close(), { class: "back" });
      at(id).before(back);
    }
    addEventListener("keydown", (press) => {
      if (press.key === "Escape" && !at("confirm").open) this.close();
    });
    this.#narrow.addEventListener("change", () => this.close());
  }

  /** Open the panel `id`; with `byKey`, move the focus there. */
  open(id, { byKey }) {
    if (this.#narrow.matches) {
      this.#before ??= document.activeElement;
      this.#opened = at(id).closest(".view");
      this.#opened.classList.add("opened");
      document.body.classList.add("covered");
    }
    if (byKey || this.#narrow.matches) at(id).focus({ preventScroll: true });
  }

  /** Return to the list. */
  close() {
    if (this.#opened === null) return;
    this.#opened.classList.remove("opened");
    document.body.classList.remove("covered");
    this.#opened = null;
    this.#before?.focus({ preventScroll: true });
    this.#before = null;
  }
}
