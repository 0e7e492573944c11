// The page: a key, the inboxes that are followed, and what became of each attempt.

import { Api } from "./api.js";
import { show } from "./detail.js";
import { at, el, tell } from "./dom.js";
import { Feed } from "./feed.js";
import { List } from "./list.js";
import { Measures } from "./measures.js";
import { Operator } from "./operator.js";

// Of the tab alone: what is kept here is gone with it.
const KEY = "triggers.key";
const INBOXES = "triggers.inboxes";
/** A browser has six connections to one host; each inbox takes one for as long as it waits. */
const MAX_INBOXES = 4;
const WAIT_SECONDS = 20;
const LEAST_WAIT_SECONDS = 5;
const NEWS_MS = 5000;
const TICK_MS = 1000;

const measures = new Measures();
const list = new List(show, () => at("detail").focus());
const operator = new Operator(measures, refuse);
let api = null;
let inboxes = remembered();
let types = [];
let feeds = new Map();
let running = null;
let paused = false;
let news = 0;

function remembered() {
  const kept = (sessionStorage.getItem(INBOXES) ?? "").split(" ").filter(Boolean);
  return kept.length ? kept.slice(0, MAX_INBOXES) : ["default"];
}

// --- the key ---

function open(key) {
  sessionStorage.setItem(KEY, key);
  api = new Api(key);
  at("key").value = "";
  at("key-error").textContent = "";
  at("door").hidden = true;
  for (const id of ["page", "pause", "forget"]) at(id).hidden = false;
  operator.use(api);
  list.clear();
  show(null);
  feeds.clear();
  paused = false;
  drawPause();
  resume();
  at("list").focus();
}

function close(message) {
  halt();
  sessionStorage.removeItem(KEY);
  api = null;
  feeds.clear();
  list.clear();
  show(null);
  operator.use(null);
  measures.forget();
  for (const id of ["page", "pause", "forget"]) at(id).hidden = true;
  at("door").hidden = false;
  at("key-error").textContent = message;
  tellStatus();
  at("key").focus();
}

/** The key does not work, or not any more. */
function refuse(trouble) {
  if (api !== null) close(trouble.message);
}

at("key-form").addEventListener("submit", (submit) => {
  submit.preventDefault();
  const key = at("key").value.trim();
  // Whatever a header can't carry is no key.
  if (/^[\x21-\x7e]+$/.test(key)) open(key);
  else at("key-error").textContent = "That is no API key.";
});
at("forget").addEventListener("click", () => close(""));

// --- following ---

const hear = {
  events(found, { live }) {
    const fresh = list.add(found);
    if (!live) return;
    measures.arrived(fresh);
    news += fresh.length;
  },
  state(feed) {
    if (feed.trouble?.status === 401) refuse(feed.trouble);
    else tellStatus();
  },
  skipped(feed) {
    tell(at("feed-note"), `More comes to ${feed.inbox} than can be shown: some events were skipped, and are not in the measures.`);
  },
};

function follow(signal) {
  for (const inbox of feeds.keys()) if (!inboxes.includes(inbox)) feeds.delete(inbox);
  for (const inbox of inboxes) if (!feeds.has(inbox)) feeds.set(inbox, new Feed(inbox, api, types, hear));
  for (const feed of feeds.values()) {
    feed.seconds = Math.max(LEAST_WAIT_SECONDS, Math.floor(WAIT_SECONDS / feeds.size));
    feed.run(signal);
  }
}

function resume() {
  if (api === null || running !== null || paused || document.hidden) return tellStatus();
  running = new AbortController();
  follow(running.signal);
  operator.run(running.signal);
  tellStatus();
}

function halt() {
  running?.abort();
  running = null;
  tellStatus();
}

function restart() {
  halt();
  drawInboxes();
  resume();
}

// No need to wait for the next attempt.
addEventListener("online", () => {
  halt();
  resume();
});
document.addEventListener("visibilitychange", () => (document.hidden ? halt() : resume()));
at("pause").addEventListener("click", () => {
  paused = !paused;
  drawPause();
  if (paused) halt();
  else resume();
});

function drawPause() {
  at("pause").textContent = paused ? "Resume" : "Pause";
  at("pause").setAttribute("aria-pressed", String(paused));
}

// --- inboxes and types ---

function drawInboxes() {
  sessionStorage.setItem(INBOXES, inboxes.join(" "));
  list.nameInboxes(inboxes.length > 1);
  at("inboxes").replaceChildren(
    ...inboxes.map((inbox) => {
      const leave = el("button", { type: "button", "aria-label": `Stop following ${inbox}`, title: `Stop following ${inbox}` }, "×");
      leave.hidden = inboxes.length === 1;
      leave.addEventListener("click", () => {
        inboxes = inboxes.filter((other) => other !== inbox);
        list.clear(inbox);
        restart();
        at("inbox").focus();
      });
      return el("li", {}, inbox, leave);
    }),
  );
  for (const one of at("inbox-form").elements) one.disabled = inboxes.length >= MAX_INBOXES;
  at("inbox").placeholder = inboxes.length >= MAX_INBOXES ? "Four at most" : "Add inbox";
}

at("inbox-form").addEventListener("submit", (submit) => {
  submit.preventDefault();
  const inbox = at("inbox").value.trim();
  at("inbox").value = "";
  if (inbox === "" || inboxes.includes(inbox) || inboxes.length >= MAX_INBOXES) return;
  inboxes = [...inboxes, inbox];
  restart();
});

function seek() {
  const sought = at("filter").value.trim();
  list.seek(sought);
  const asked = types[0] ?? "";
  const pending = sought !== "" && sought !== asked;
  tell(
    at("filter-hint"),
    asked ? `The server sends ${asked} alone.${pending ? " Of those, what matches is shown." : ""}` : pending ? "Of the events here, those whose type matches. Enter asks the server for this type alone." : "",
  );
}

function askFor(wanted) {
  if (wanted.join() === types.join()) return seek();
  types = wanted;
  feeds.clear();
  list.clear();
  tell(at("feed-note"), "");
  restart();
  seek();
}

at("filter").addEventListener("input", () => (at("filter").value === "" ? askFor([]) : seek()));
at("filter-form").addEventListener("submit", (submit) => {
  submit.preventDefault();
  const sought = at("filter").value.trim();
  askFor(sought === "" || sought === "*" ? [] : [sought]);
});

// --- what is said ---

function statusOf() {
  if (api === null) return ["closed", "Not connected"];
  if (paused) return ["paused", "Paused"];
  const states = [...feeds.values()];
  const waiting = states.find((feed) => feed.state === "waiting");
  if (waiting) {
    const seconds = Math.max(0, Math.ceil((waiting.retryAt - Date.now()) / 1000));
    return ["trouble", `${waiting.trouble.message} Trying again${seconds ? ` in ${seconds} s` : ""}.`];
  }
  const refused = states.find((feed) => feed.state === "refused");
  if (refused) return ["trouble", `${refused.inbox}: ${refused.trouble.message}`];
  if (states.some((feed) => feed.state === "behind")) return ["behind", "Catching up"];
  if (states.every((feed) => feed.state === "live")) return ["live", "Live"];
  return ["starting", "Connecting"];
}

function tellStatus() {
  const [state, text] = statusOf();
  at("status").dataset.state = state;
  if (at("status").textContent !== text) at("status").textContent = text;
}

setInterval(() => {
  if (api === null || document.hidden) return;
  measures.draw();
  tellStatus();
}, TICK_MS);

setInterval(() => {
  if (news > 0) at("news").textContent = `${news} new ${news === 1 ? "event" : "events"}`;
  news = 0;
}, NEWS_MS);

drawInboxes();
const kept = sessionStorage.getItem(KEY);
if (kept) open(kept);
else at("key").focus();
