// The consumer groups of the listed inboxes, with their lag; read while the view is shown.

import { backoff, sleep } from "./api.js";
import { at, el, showText } from "./dom.js";
import { curlSection, forbidden, lesson } from "./teach.js";
import { isShown } from "./views.js";
import { roughly } from "./zone.js";

const SECONDS = 5;
const MAX_INBOXES = 20;
const NUMBERS = { lag: "Lag", leased: "Leased", retries: "Retries", quarantined: "Quarantined" };
const READ = "inbox:read";

export class Groups {
  #api = null;
  #key = null;

  /** Use another key; null for none. */
  use(api, key) {
    this.#api = api;
    this.#key = key;
    this.#draw([]);
    showText(at("groups-note"), "");
    at("groups-empty").hidden = true;
  }

  /** Update the groups of the inboxes that `names()` returns until `signal` is aborted. */
  async run(names, signal) {
    for (let failures = 0; !signal.aborted && isShown("groups"); ) {
      let seconds = SECONDS;
      try {
        await this.#update(names(), signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        showText(at("groups-note"), error.message);
        if (error.final) return;
        seconds = backoff(error, failures++);
      }
      await sleep(seconds, signal).catch(() => {});
    }
  }

  async #update(names, signal) {
    if (!this.#key.scopes.includes(READ)) return this.#teach(...forbidden("Reading groups", this.#key, READ));
    const read = async (inbox) => {
      const { text } = await this.#api.get(`/v1/groups?inbox=${encodeURIComponent(inbox)}`, signal);
      return JSON.parse(text).groups;
    };
    const found = (await Promise.all(names.slice(0, MAX_INBOXES).map(read))).flat();
    showText(at("groups-note"), names.length > MAX_INBOXES ? `Of the first ${MAX_INBOXES} inboxes.` : "");
    this.#draw(found);
    if (found.length === 0) this.#teach(...this.#lesson(names[0]));
  }

  #lesson(inbox) {
    const text = "A group shares the events of an inbox among several workers: each event is leased to one of them.";
    const content = { group: "billing", inbox, limit: 10, seconds: 30 };
    const command = curlSection("Lease some events, which creates a group", this.#api, "/v1/leases", content);
    return lesson("No consumer groups", text, command);
  }

  #teach(...content) {
    const empty = at("groups-empty");
    empty.hidden = false;
    if (empty.childElementCount === 0) empty.replaceChildren(...content);
  }

  #draw(groups) {
    at("groups-scroller").hidden = groups.length === 0;
    at("group-rows").replaceChildren(...groups.map(row));
    if (groups.length > 0 || this.#api === null) at("groups-empty").replaceChildren();
    if (groups.length > 0) at("groups-empty").hidden = true;
  }
}

function row(group) {
  const oldest = group.oldest === null ? "–" : roughly(Date.now() - Date.parse(group.oldest));
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, group.group),
    el("td", { "data-name": "Inbox" }, group.inbox),
    el("td", { "data-name": "Types" }, group.types.join(", ") || "all"),
    ...Object.entries(NUMBERS).map(([name, title]) => {
      const isBad = name === "quarantined" && group[name] !== 0;
      const shown = group[name].toLocaleString("en");
      return el("td", { class: isBad ? "number bad" : "number", "data-name": title }, shown);
    }),
    el("td", { class: "number", "data-name": "Oldest event" }, oldest),
  );
}
