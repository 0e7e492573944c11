// The dead letters: a table, in which they are opened, and chosen to be redriven or dropped.

import { at, button, el, showText } from "./dom.js";
import { confirm } from "./confirm.js";
import { contentOf, contentsOf, failed, showDescribed, showNone, withheld } from "./dead-letter.js";
import { visible } from "./json.js";
import { forbidden, lesson } from "./teach.js";
import { clock, onZone, stamp } from "./zone.js";

/** Listing makes dead letters briefly invisible to other receivers, so the page does not list after each change. */
const LIST_MS = 15_000;
const OPERATE = "operate";
const ADMIN = "dlq:admin";

export class DeadLetters {
  #api = null;
  #key = null;
  #listed = [];
  #chosen = new Set();
  #open = null; // the id of the one that is shown
  #dead = null;
  #listedMs = 0;
  #busy = false;
  #signal = AbortSignal.abort();
  #entered;

  /** `entered({byKey})` is called when the user opens a dead letter. */
  constructor(entered) {
    this.#entered = entered;
    at("refresh").addEventListener("click", () => this.#refresh());
    at("redrive").addEventListener("click", () => this.#askRedrive());
    at("drop").addEventListener("click", () => this.#askDrop());
    at("all-dead-letters").addEventListener("change", ({ target }) => {
      this.#chosen = new Set(target.checked ? this.#listed.map((one) => one.id) : []);
      this.#draw();
    });
    at("dead-letter-rows").addEventListener("change", ({ target }) => {
      if (target.checked) this.#chosen.add(target.value);
      else this.#chosen.delete(target.value);
      this.#enable();
    });
    at("dead-letter-rows").addEventListener("click", ({ target }) => {
      const row = target.closest("tr");
      if (row !== null && !target.closest("input, button, label")) this.#show(row.dataset.id);
    });
    onZone(() => this.#draw());
  }

  /** Clear everything and use another key; null for none. */
  use(api, key) {
    this.#api = api;
    this.#key = key;
    this.#listed = [];
    this.#chosen.clear();
    this.#open = null;
    this.#dead = null;
    this.#listedMs = 0;
    for (const id of ["refresh", "redrive"]) at(id).hidden = !this.#may(OPERATE);
    at("drop").hidden = !this.#may(OPERATE) || !this.#may(ADMIN);
    showText(at("dead-letters-note"), "");
    at("dead-letters-empty").replaceChildren();
    this.#draw();
    if (api !== null && !this.#may(OPERATE)) this.#teach(...forbidden("Seeing dead letters", key, OPERATE));
  }

  /** Work until `signal` is aborted. */
  run(signal) {
    this.#signal = signal;
    this.#enable();
  }

  /** Note how many dead letters there are now, and list them if that number has changed. */
  async counted(dead) {
    const due = Date.now() - this.#listedMs > LIST_MS;
    if (dead === this.#dead || !due || this.#busy) return;
    this.#dead = dead;
    if (dead > 0 || this.#listed.length > 0) await this.#refresh();
    else this.#draw();
  }

  #may(scope) {
    return this.#key?.scopes.includes(scope) ?? false;
  }

  async #refresh() {
    await this.#exclusively("Refreshing…", () => this.#list());
  }

  /** List the dead letters, which are drawn when the operation ends; return a note about them. */
  async #list() {
    this.#listedMs = Date.now();
    const { text } = await this.#api.get("/v1/dlq", this.#signal, 10);
    const { messages, more } = JSON.parse(text);
    this.#listed = messages;
    const present = new Set(messages.map((one) => one.id));
    this.#chosen = new Set([...this.#chosen].filter((id) => present.has(id)));
    if (!present.has(this.#open)) this.#open = null;
    return more ? `Showing ${messages.length}; there are more.` : "";
  }

  #askRedrive() {
    const ids = [...this.#chosen];
    const text = "Fix the cause first: messages that fail again return to the DLQ. Events that are already stored are not stored twice.";
    const title = `Send ${counted(ids.length)} to the queue again?`;
    confirm({ title, text, label: `Redrive ${ids.length}` }, () => this.#change("redrive", ids, "Redriving…", "redriven"));
  }

  #askDrop() {
    const ids = [...this.#chosen];
    const events = this.#listed.reduce((sum, one) => sum + (this.#chosen.has(one.id) ? (one.events ?? 0) : 0), 0);
    const title = `Drop ${counted(ids.length)} permanently?`;
    const holding = `${ids.length === 1 ? "It holds" : "They hold"} ${events.toLocaleString("en")} ${events === 1 ? "event or ack" : "events or acks"}`;
    const text = `${holding} that the API has accepted. This can't be undone.`;
    const act = () => this.#change("drop", ids, "Dropping…", "dropped");
    confirm({ title, text, label: `Drop ${ids.length}`, isDangerous: true }, act);
  }

  async #change(path, ids, progress, done) {
    await this.#exclusively(progress, async () => {
      const { text } = await this.#api.post(`/v1/dlq/${path}`, { ids }, this.#signal);
      const result = JSON.parse(text);
      this.#chosen.clear();
      this.#dead = null; // list now, and again once the result has been shown
      await this.#list();
      return `${result[done]} ${done}${result.left ? `, ${result.left} not (gone, or in use elsewhere)` : ""}.`;
    });
    at("refresh").focus();
  }

  /** Run one operation at a time, and show its result. */
  async #exclusively(progress, work) {
    if (this.#busy) return;
    const signal = this.#signal;
    this.#busy = true;
    this.#enable();
    showText(at("dead-letters-note"), progress);
    try {
      showText(at("dead-letters-note"), await work());
    } catch (error) {
      showText(at("dead-letters-note"), signal.aborted ? "" : error.message);
      this.#dead = null;
      if (signal.aborted) this.#listedMs = 0; // list as soon as it runs again
    } finally {
      this.#busy = false;
      this.#draw();
    }
  }

  // --- opening ---

  async #show(id, { byKey = false } = {}) {
    this.#open = id;
    this.#drawOpen();
    this.#entered({ byKey });
    const described = this.#listed.find((one) => one.id === id);
    if (described === undefined) return showNone("This message is no longer in the DLQ.");
    if (!this.#may(ADMIN)) return showDescribed(described, ...withheld(this.#key));
    showDescribed(described, el("p", { class: "note" }, "Opening…"));
    let content;
    try {
      const { text } = await this.#api.get(`/v1/dlq/${encodeURIComponent(id)}`, this.#signal, 20);
      content = contentOf(text);
    } catch (error) {
      content = failed(error, () => this.#show(id, { byKey }));
    }
    if (this.#open === id) showDescribed(described, ...content);
  }

  #drawOpen() {
    for (const row of at("dead-letter-rows").children) {
      row.classList.toggle("open", row.dataset.id === this.#open);
      row.querySelector("button").setAttribute("aria-expanded", String(row.dataset.id === this.#open));
    }
    if (this.#open !== null) return;
    const text = this.#listed.length ? "Open a dead letter to see its content." : "";
    showNone(text);
  }

  // --- drawing ---

  #draw() {
    const focused = document.activeElement?.closest("#dead-letter-rows tr")?.dataset.id;
    const part = document.activeElement?.tagName;
    at("dead-letter-rows").replaceChildren(...this.#listed.map((one) => this.#row(one)));
    if (focused) at("dead-letter-rows").querySelector(`[data-id="${focused}"] ${part}`)?.focus();
    at("dead-letters-scroller").hidden = this.#listed.length === 0;
    at("view-dead-letters").classList.toggle("bare", this.#listed.length === 0);
    if (this.#listed.length > 0) at("dead-letters-empty").replaceChildren();
    else if (this.#may(OPERATE)) this.#teach(...none());
    this.#drawOpen();
    this.#enable();
  }

  #teach(...content) {
    if (at("dead-letters-empty").childElementCount === 0) at("dead-letters-empty").replaceChildren(...content);
  }

  #row(one) {
    const box = el("input", { type: "checkbox", value: one.id, "aria-label": `Select message ${one.id}` });
    box.checked = this.#chosen.has(one.id);
    const name = button(visible(one.reason), () => this.#show(one.id, { byKey: true }), { class: "link", "aria-expanded": "false" });
    const accepted = one.accepted_at;
    return el(
      "tr",
      { "data-id": one.id },
      el("td", { class: "pick" }, box),
      el("td", { class: "reason" }, name, el("span", { class: "subject" }, ...subjectOf(one.first))),
      el("td", {}, visible(one.tenant ?? "–")),
      el("td", { class: "contents" }, contentsOf(one)),
      el("td", { class: "when", title: accepted === null ? null : stamp(accepted) }, accepted === null ? "–" : clock(accepted)),
      el("td", { class: "number" }, one.receives.toLocaleString("en")),
    );
  }

  #enable() {
    const idle = !this.#busy && !this.#signal.aborted && this.#may(OPERATE);
    const count = this.#chosen.size;
    at("refresh").disabled = !idle;
    for (const [id, label] of [["redrive", "Redrive"], ["drop", "Drop"]]) {
      at(id).disabled = !idle || count === 0;
      at(id).textContent = count ? `${label} ${count}…` : `${label}…`;
    }
    const all = at("all-dead-letters");
    all.checked = count > 0 && count === this.#listed.length;
    all.indeterminate = count > 0 && !all.checked;
  }
}

function counted(count) {
  return `${count} ${count === 1 ? "message" : "messages"}`;
}

function subjectOf(first) {
  if (first === null) return [];
  const parts = [first.type, `${first.source} ${first.id}`, first.inbox].filter(Boolean);
  return parts.map((part) => el("span", {}, visible(part)));
}

function none() {
  return lesson("No dead letters", "A message that can't be stored appears here, with the reason. You can open it, send it again once the cause is fixed, or drop it.");
}
