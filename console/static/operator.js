// Features for keys with the scope `operate`: count messages, list dead letters, redrive them.

import { backoff, sleep } from "./api.js";
import { at, el, showText } from "./dom.js";
import { visible } from "./json.js";

const COUNT_SECONDS = 3;
/** Listing makes dead letters briefly invisible to other receivers, so the page does not list after each change. */
const LIST_MS = 15_000;
const FORBIDDEN = 403;
const KINDS = { events: ["event", "events"], acks: ["ack", "acks"], remove: ["removal", "removals"] };

export class Operator {
  #api = null;
  #measures;
  #unauthorized;
  #deadLetters = [];
  #chosen = new Set();
  #dead = null;
  #listedMs = 0;
  #busy = false;
  #failing = false;
  #signal = AbortSignal.abort();

  /** `unauthorized(error)` is called when the key is no longer valid. */
  constructor(measures, unauthorized) {
    this.#measures = measures;
    this.#unauthorized = unauthorized;
    at("refresh").addEventListener("click", () => this.#refresh());
    at("redrive").addEventListener("click", () => this.#ask());
    at("confirm-no").addEventListener("click", () => at("confirm").close());
    at("confirm-yes").addEventListener("click", () => {
      at("confirm").close();
      this.#redrive([...this.#chosen]);
    });
    at("all-dead-letters").addEventListener("change", ({ target }) => {
      this.#chosen = new Set(target.checked ? this.#deadLetters.map((deadLetter) => deadLetter.id) : []);
      this.#draw();
    });
    at("dead-letters").addEventListener("change", ({ target }) => {
      if (target.checked) this.#chosen.add(target.value);
      else this.#chosen.delete(target.value);
      this.#enable();
    });
  }

  /** Clear everything and use another key; null for none. */
  use(api) {
    this.#api = api;
    this.#deadLetters = [];
    this.#chosen.clear();
    this.#dead = null;
    this.#listedMs = 0;
    this.#draw();
    showText(at("dead-letters-note"), "");
  }

  /** Count messages, and list dead letters when their number changes, until `signal` aborts or the API refuses. */
  async run(signal) {
    this.#signal = signal;
    this.#enable();
    for (let failures = 0; !signal.aborted; ) {
      let seconds = COUNT_SECONDS;
      try {
        const { text } = await this.#api.get("/v1/queue", signal);
        const counts = JSON.parse(text);
        this.#measures.counted(counts);
        failures = 0;
        if (this.#failing) {
          this.#failing = false;
          this.#dead = null;
          showText(at("dead-letters-note"), "");
        }
        const due = Date.now() - this.#listedMs > LIST_MS;
        if (counts.dead !== this.#dead && due && !this.#busy) {
          this.#dead = counts.dead;
          if (counts.dead > 0 || this.#deadLetters.length > 0) await this.#refresh();
          else showText(at("dead-letters-note"), "None. Messages that can't be stored appear here, with the reason.");
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error);
        if (error.final) return;
        seconds = backoff(error, failures++);
      }
      await sleep(seconds, signal).catch(() => {});
    }
  }

  #failed(error) {
    this.#failing = true;
    if (error.status === 401) this.#unauthorized(error);
    const why = error.status === FORBIDDEN ? "Not available: this key lacks the scope operate." : error.message;
    this.#measures.denied(error.status === FORBIDDEN ? "requires the scope operate" : "currently unknown");
    showText(at("dead-letters-note"), why);
  }

  async #refresh() {
    this.#listedMs = Date.now();
    await this.#exclusively("Refreshing…", async () => {
      const { text } = await this.#api.get("/v1/dlq", this.#signal, 10);
      const page = JSON.parse(text);
      this.#deadLetters = page.messages;
      const present = new Set(this.#deadLetters.map((deadLetter) => deadLetter.id));
      this.#chosen = new Set([...this.#chosen].filter((id) => present.has(id)));
      return page.more ? `Showing ${this.#deadLetters.length}; there are more.` : this.#deadLetters.length ? "" : "None.";
    });
  }

  #ask() {
    const count = this.#chosen.size;
    at("confirm-title").textContent = `Send ${count} ${count === 1 ? "message" : "messages"} to the queue again?`;
    at("confirm").showModal();
    at("confirm-no").focus();
  }

  async #redrive(ids) {
    await this.#exclusively("Redriving…", async () => {
      const { text } = await this.#api.post("/v1/dlq/redrive", { ids }, this.#signal);
      const { redriven, left } = JSON.parse(text);
      this.#chosen.clear();
      this.#dead = null; // list now, and again once the result has been shown
      this.#listedMs = Date.now();
      const page = JSON.parse((await this.#api.get("/v1/dlq", this.#signal, 10)).text);
      this.#deadLetters = page.messages;
      return `${redriven} redriven${left ? `, ${left} not (gone, or in use elsewhere)` : ""}.`;
    });
    at("refresh").focus();
  }

  /** Run one operation at a time, and show its result. */
  async #exclusively(progress, work) {
    if (this.#busy) return;
    this.#busy = true;
    this.#enable();
    showText(at("dead-letters-note"), progress);
    try {
      showText(at("dead-letters-note"), await work());
    } catch (error) {
      if (this.#signal.aborted) showText(at("dead-letters-note"), "");
      else this.#failed(error);
    } finally {
      this.#busy = false;
      this.#draw();
    }
  }

  #draw() {
    at("dead-letters").replaceChildren(...this.#deadLetters.map((deadLetter) => this.#row(deadLetter)));
    at("dead-letters-scroll").hidden = this.#deadLetters.length === 0;
    this.#enable();
  }

  #row(deadLetter) {
    const { first } = deadLetter;
    const accepted = deadLetter.accepted_at === null ? null : new Date(deadLetter.accepted_at).toISOString();
    const box = el("input", { type: "checkbox", value: deadLetter.id, "aria-label": `Select message ${deadLetter.id}` });
    box.checked = this.#chosen.has(deadLetter.id);
    return el(
      "tr",
      {},
      el("td", {}, box),
      el("td", { class: "reason" }, visible(deadLetter.reason)),
      el("td", {}, visible(deadLetter.tenant ?? "–")),
      el("td", { class: "contents" }, contentsOf(deadLetter)),
      el("td", { class: "first" }, ...(first === null ? ["–"] : subjectOf(first))),
      el("td", { class: "when" }, accepted === null ? "–" : el("time", { datetime: accepted }, accepted.slice(0, 19).replace("T", " "))),
      el("td", { class: "number" }, deadLetter.receives.toLocaleString("en")),
    );
  }

  #enable() {
    const idle = !this.#busy && !this.#signal.aborted && this.#api !== null;
    at("refresh").disabled = !idle;
    at("redrive").disabled = !idle || this.#chosen.size === 0;
    at("redrive").textContent = this.#chosen.size ? `Redrive ${this.#chosen.size}…` : "Redrive…";
    const all = at("all-dead-letters");
    all.checked = this.#chosen.size > 0 && this.#chosen.size === this.#deadLetters.length;
    all.indeterminate = this.#chosen.size > 0 && !all.checked;
  }
}

function contentsOf({ kind, events }) {
  return kind === null ? "–" : `${events.toLocaleString("en")} ${KINDS[kind][events === 1 ? 0 : 1]}`;
}

function subjectOf(first) {
  const type = first.type === null ? null : el("span", { class: "type" }, visible(first.type));
  return [type, el("span", { class: "id" }, `${visible(first.source)} ${visible(first.id)}`), el("span", { class: "inbox" }, first.inbox)].filter(Boolean);
}
