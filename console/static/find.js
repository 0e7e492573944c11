// Finds an event by its id: among the listed ones, then at the API, which needs the source as well.

import { at, el } from "./dom.js";
import { eventOf } from "./event.js";
import { show, showInstead } from "./detail.js";
import { members, visible } from "./json.js";
import { lesson } from "./teach.js";

const DEFAULT_SOURCE = "/";
/** Sources that are tried if none is given; each costs one token. */
const MAX_SOURCES = 5;
const NOT_FOUND = 404;

export class Find {
  #api = null;
  #list;
  #inbox;
  #opened;

  /** `inbox()` returns the current inbox; `opened()` is called when the result is shown. */
  constructor(list, inbox, opened) {
    this.#list = list;
    this.#inbox = inbox;
    this.#opened = opened;
    at("find-form").addEventListener("submit", (submit) => {
      submit.preventDefault();
      const id = at("find").value.trim();
      if (id !== "") this.#find(id, null);
    });
  }

  /** Use another key; null for none. */
  use(api) {
    this.#api = api;
    this.clear();
  }

  /** Forget the last search, because another inbox is shown. */
  clear() {
    at("find").value = "";
  }

  async #find(id, source) {
    if (!this.#list.find(id, source)) await this.#lookUp(id, source);
    this.#opened();
  }

  async #lookUp(id, source) {
    this.#list.deselect();
    showInstead(el("p", { class: "empty" }, "Searching…"));
    const listed = this.#list.events.map((event) => event.source).reverse();
    const sources = source === null ? [...new Set([DEFAULT_SOURCE, ...listed])].slice(0, MAX_SOURCES) : [source];
    try {
      for (const one of sources) {
        const found = await this.#read(id, one);
        if (found !== null) return show(found);
      }
      showInstead(...this.#miss(id, sources));
    } catch (error) {
      showInstead(...lesson("The search failed", error.message));
    }
  }

  async #read(id, source) {
    const inbox = this.#inbox();
    const query = new URLSearchParams({ id, source, inbox });
    try {
      const { text } = await this.#api.get(`/v1/events?${query}`, new AbortController().signal);
      const fields = members(text);
      const expiresMs = Date.parse(JSON.parse(fields.get("expiresat")));
      return { ...eventOf(fields.get("event"), inbox), expiresMs };
    } catch (error) {
      if (error.status === NOT_FOUND) return null;
      throw error;
    }
  }

  #miss(id, sources) {
    const input = el("input", { type: "text", id: "find-source", maxlength: "255", spellcheck: "false", value: sources.length === 1 ? sources[0] : "" });
    const form = el(
      "form",
      { class: "inline" },
      el("label", { for: "find-source" }, "Source"),
      input,
      el("button", { type: "submit" }, "Search again"),
    );
    form.addEventListener("submit", (submit) => {
      submit.preventDefault();
      if (input.value.trim() !== "") this.#find(id, input.value.trim());
    });
    const tried = sources.map(visible).join(", ");
    return lesson(
      "No such event",
      `Inbox ${this.#inbox()} has no event with the id “${visible(id)}” of ${sources.length === 1 ? "source" : "the sources"} ${tried}. It is not stored yet, has expired, or comes from another source.`,
      form,
    );
  }
}
