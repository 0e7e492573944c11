// Consumer groups of the followed inboxes, with their lag. The section is hidden while there are none.

import { backoff, sleep } from "./api.js";
import { at, el, showText } from "./dom.js";

const SECONDS = 5;
const NUMBERS = ["lag", "leased", "retries", "quarantined"];

export class Groups {
  #api = null;
  #inboxes = [];

  /** Show the groups that `api` may read, none if it is null. */
  use(api) {
    this.#api = api;
    this.#draw([]);
  }

  /** Update the groups of `inboxes` until `signal` is aborted. */
  async run(inboxes, signal) {
    this.#inboxes = inboxes;
    for (let failures = 0; !signal.aborted; ) {
      let seconds = SECONDS;
      try {
        const found = [];
        for (const inbox of this.#inboxes) {
          const { text } = await this.#api.get(`/v1/groups?inbox=${encodeURIComponent(inbox)}`, signal);
          found.push(...JSON.parse(text).groups);
        }
        failures = 0;
        showText(at("groups-note"), "");
        this.#draw(found);
      } catch (error) {
        if (signal.aborted) return;
        if (error.final) return showText(at("groups-note"), error.message);
        seconds = backoff(error, failures++);
      }
      await sleep(seconds, signal).catch(() => {});
    }
  }

  #draw(groups) {
    at("groups-section").hidden = groups.length === 0;
    at("groups").replaceChildren(...groups.map(row));
  }
}

function row(group) {
  const oldest = group.oldest === null ? "–" : span((Date.now() - Date.parse(group.oldest)) / 1000);
  return el(
    "tr",
    {},
    el("td", {}, group.group),
    el("td", {}, group.inbox),
    el("td", {}, group.types.join(", ") || "all"),
    ...NUMBERS.map((name) => {
      const isBad = name === "quarantined" && group[name] !== 0;
      return el("td", { class: isBad ? "number bad" : "number" }, group[name].toLocaleString("en"));
    }),
    el("td", { class: "number" }, oldest),
  );
}

/** Return a duration in its largest unit. */
function span(seconds) {
  const units = [[86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const [size, unit] = units.find(([size]) => seconds >= size) ?? [1, "s"];
  return `${Math.max(0, Math.floor(seconds / size))} ${unit}`;
}
