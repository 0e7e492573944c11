// The events of one inbox: followed as they are stored, or a result for a range of time or for delivered ones.

import { backoff, sleep } from "./api.js";
import { at, button, el, showText } from "./dom.js";
import { Feed } from "./feed.js";
import { newestDelivered, readRange, RESULTS } from "./history.js";
import { curlSection, forbidden, lesson, testButton, testEvent } from "./teach.js";
import { clock, fromInput, onZone, toInput } from "./zone.js";

const DELIVERED_SECONDS = 10;
const HOUR_MS = 3_600_000;
const READ = "inbox:read";
const WRITE = "events:write";

export class Stream {
  state = "starting";
  error = null;
  retryAt = 0;
  #list;
  #listener;
  #api = null;
  #key = null;
  #inbox = "";
  #types = [];
  #delivered = false;
  #range = null; // {fromMs, toMs} of a result; null for the latest events
  #feed = null;
  #page = { number: 1, after: null, next: null }; // of the result for a range
  #isLoaded = false;

  /** `listener` has the methods `restart()`, `changed()`, `refused(error)` and `arrived(events)`. */
  constructor(list, listener) {
    this.#list = list;
    this.#listener = listener;
    at("undelivered").addEventListener("click", () => this.#choose({ delivered: false }));
    at("delivered").addEventListener("click", () => this.#choose({ delivered: true }));
    at("more").addEventListener("click", () => {
      const isOpen = at("view-events").classList.toggle("more");
      at("more").setAttribute("aria-expanded", String(isOpen));
    });
    at("range").addEventListener("change", () => this.#chooseRange());
    at("range-form").addEventListener("submit", (submit) => {
      submit.preventDefault();
      this.#applyCustomRange();
    });
    at("filter-form").addEventListener("submit", (submit) => {
      submit.preventDefault();
      const filter = at("filter").value.trim();
      this.#requestTypes(filter === "" || filter === "*" ? [] : [filter]);
    });
    at("filter").addEventListener("input", () => (at("filter").value === "" ? this.#requestTypes([]) : this.#applyFilter()));
    at("later").addEventListener("click", () => {
      this.#page = { number: this.#page.number + 1, after: this.#page.next, next: null };
      this.#listener.restart();
      at("list").focus();
    });
    onZone(() => this.#drawFoot());
  }

  /** Whether events appear as they are stored. */
  get isLive() {
    return this.#range === null && !this.#delivered;
  }

  /** Use another key; null for none. */
  use(api, key) {
    this.#api = api;
    this.#key = key;
    this.#reset();
  }

  /** Show another inbox. */
  open(inbox) {
    this.#inbox = inbox;
    this.#reset();
  }

  /** Read, and follow if that is the choice, until `signal` is aborted. */
  async run(signal) {
    if (!this.#key.scopes.includes(READ)) {
      this.#setState("idle");
      return this.#draw();
    }
    if (this.isLive) return this.#follow(signal);
    for (let failures = 0; !signal.aborted; ) {
      let seconds = DELIVERED_SECONDS;
      try {
        await this.#read(signal);
        failures = 0;
        this.#setState("live");
        if (this.#range !== null) return;
      } catch (error) {
        if (signal.aborted) return;
        seconds = this.#failed(error, failures++);
        if (seconds === null) return;
      }
      await sleep(seconds, signal).catch(() => {});
    }
  }

  #failed(error, failures) {
    if (error.status === 401) this.#listener.refused(error);
    this.error = error;
    const seconds = backoff(error, failures);
    this.retryAt = Date.now() + seconds * 1000;
    this.#setState(error.final ? "refused" : "waiting");
    return error.final ? null : seconds;
  }

  async #follow(signal) {
    this.#feed ??= new Feed(this.#inbox, this.#api, this.#types, {
      events: (found, { live }) => {
        const fresh = this.#list.add(found);
        this.#isLoaded = true;
        this.#draw();
        if (live) this.#listener.arrived(fresh);
      },
      state: (feed) => {
        if (feed.error?.status === 401) return this.#listener.refused(feed.error);
        [this.error, this.retryAt] = [feed.error, feed.retryAt];
        this.#setState(feed.state);
      },
      skipped: () => {
        const note = "More events arrive than this page can show: some were skipped, and are missing from the metrics.";
        showText(at("feed-note"), note);
      },
    });
    await this.#feed.run(signal);
  }

  async #read(signal) {
    const query = { inbox: this.#inbox, types: this.#types, delivered: this.#delivered, ...this.#range };
    if (this.#range === null) {
      this.#list.add(await newestDelivered(this.#api, query, signal));
    } else {
      const { events, next } = await readRange(this.#api, query, this.#page.after, signal);
      this.#list.clear();
      this.#list.add(events);
      this.#page.next = next;
    }
    this.#isLoaded = true;
    this.#draw();
  }

  #setState(state) {
    this.state = state;
    if (state === "live" || state === "behind") this.error = null;
    this.#listener.changed();
  }

  // --- choices ---

  #reset() {
    this.state = "starting";
    this.error = null;
    this.#feed = null;
    this.#page = { number: 1, after: null, next: null };
    this.#isLoaded = false;
    this.#list.clear();
    showText(at("feed-note"), "");
    this.#draw();
  }

  #changed() {
    this.#reset();
    this.#listener.restart();
  }

  #choose({ delivered }) {
    if (delivered === this.#delivered) return;
    this.#delivered = delivered;
    at("delivered").setAttribute("aria-pressed", String(delivered));
    at("undelivered").setAttribute("aria-pressed", String(!delivered));
    this.#changed();
  }

  #chooseRange() {
    const chosen = at("range").value;
    at("range-form").hidden = chosen !== "custom";
    if (chosen === "custom") {
      at("from").value ||= toInput(Date.now() - HOUR_MS);
      at("from").focus();
      return;
    }
    const now = Date.now();
    this.#range = chosen === "" ? null : { fromMs: now - Number(chosen) * 1000, toMs: now };
    this.#changed();
  }

  #applyCustomRange() {
    const [fromMs, toMs] = [fromInput(at("from").value), fromInput(at("to").value)];
    if (toMs < fromMs) return showText(at("feed-note"), "The range ends before it begins.");
    // The input has no milliseconds: a range to 10:00:00 includes that second.
    this.#range = { fromMs, toMs: Number.isNaN(toMs) ? Date.now() : toMs + 999 };
    this.#changed();
  }

  #applyFilter() {
    const filter = at("filter").value.trim();
    this.#list.filter(filter);
    const requested = this.#types[0] ?? "";
    const pending = filter !== "" && filter !== requested;
    showText(
      at("filter-hint"),
      requested
        ? `The server sends only ${requested}.${pending ? " Of these, the events that match the filter are shown." : ""}`
        : pending
          ? "Filtered among the events on this page. Press Enter to request only this type from the server."
          : "",
    );
    this.#draw();
  }

  #requestTypes(wanted) {
    if (wanted.join() === this.#types.join()) return this.#applyFilter();
    this.#types = wanted;
    this.#changed();
    this.#applyFilter();
  }

  // --- what is shown ---

  #draw() {
    const isEmpty = this.#list.shown === 0;
    at("empty").hidden = !isEmpty;
    if (isEmpty) this.#drawEmpty();
    else at("empty").replaceChildren();
    this.#drawFoot();
  }

  #drawFoot() {
    const shown = this.#list.shown.toLocaleString("en");
    const { number, next } = this.#page;
    at("later").hidden = next === null;
    const events = this.#list.events;
    if (events.length === 0) at("list-foot").textContent = "\u00a0";
    else if (this.#range === null) at("list-foot").textContent = `${shown} latest, newest first`;
    else {
      const bounds = `${clock(events[0].storedMs)} to ${clock(events.at(-1).storedMs)}`;
      const page = number > 1 ? `, page ${number}` : "";
      at("list-foot").textContent = `${shown} from ${bounds}${next ? `, at most ${RESULTS} at a time` : ""}${page}`;
    }
  }

  #drawEmpty() {
    const kind = this.#emptyKind();
    if (at("empty").dataset.kind === kind && kind !== "loading" && at("empty").childElementCount) return;
    at("empty").dataset.kind = kind;
    at("empty").replaceChildren(...this.#emptyContent(kind.split(" ")[0]));
  }

  #emptyKind() {
    if (this.#key === null) return "nothing";
    if (!this.#key.scopes.includes(READ)) return "forbidden";
    if (!this.#isLoaded) return "loading";
    if (this.#list.size > 0 || this.#types.length > 0) return "filtered";
    if (this.#range !== null) return "range";
    return `${this.#delivered ? "delivered" : "first"} ${this.#inbox}`;
  }

  #emptyContent(kind) {
    const can = this.#key?.scopes.includes(WRITE);
    const content = {
      nothing: () => [],
      loading: () => [el("p", {}, "Loading…")],
      forbidden: () => forbidden("Reading events", this.#key, READ),
      filtered: () => lesson("No event matches the filter", "Only types that match it are shown.", button("Clear the filter", () => this.#clearFilter())),
      range: () => lesson("No events in this time", "Choose another range, or the other status.", button("Show the latest", () => this.#showLatest())),
      delivered: () => lesson("No delivered events", "An event is delivered once a consumer acknowledges it."),
      first: () =>
        lesson(
          `No events in ${this.#inbox}`,
          "Post one, and it appears here as soon as it is stored.",
          can ? testButton(this.#api, this.#key, this.#inbox) : null,
          can ? curlSection("Or from a shell", this.#api, "/v1/events", testEvent(this.#key, this.#inbox)) : null,
        ),
    };
    return content[kind]();
  }

  #clearFilter() {
    at("filter").value = "";
    this.#requestTypes([]);
    at("filter").focus();
  }

  #showLatest() {
    at("range").value = "";
    this.#chooseRange();
    at("range").focus();
  }
}
