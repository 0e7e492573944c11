// The page: signing in, the followed inboxes, and the connection status.

import { Api } from "./api.js";
import { show } from "./detail.js";
import { at, el, showText } from "./dom.js";
import { Feed } from "./feed.js";
import { Groups } from "./groups.js";
import { List } from "./list.js";
import { Measures } from "./measures.js";
import { Operator } from "./operator.js";

// Keys in sessionStorage, which lasts as long as the tab.
const KEY = "triggers.key";
const INBOXES = "triggers.inboxes";
/** A browser opens at most six HTTP/1.1 connections to a host, and each inbox uses one for its long poll. */
const MAX_INBOXES = 4;
const WAIT_SECONDS = 20;
const LEAST_WAIT_SECONDS = 5;
const NEWS_MS = 5000;
const TICK_MS = 1000;

const measures = new Measures();
const list = new List(show, () => at("detail").focus());
const operator = new Operator(measures, refuse);
const groups = new Groups();
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

// --- signing in and out ---

function signIn(key) {
  sessionStorage.setItem(KEY, key);
  api = new Api(key);
  at("key").value = "";
  at("key-error").textContent = "";
  at("sign-in").hidden = true;
  for (const id of ["page", "pause", "sign-out"]) at(id).hidden = false;
  operator.use(api);
  groups.use(api);
  list.clear();
  show(null);
  feeds.clear();
  paused = false;
  drawPause();
  resume();
  at("list").focus();
}

function signOut(message) {
  halt();
  sessionStorage.removeItem(KEY);
  api = null;
  feeds.clear();
  list.clear();
  show(null);
  operator.use(null);
  groups.use(null);
  measures.clear();
  for (const id of ["page", "pause", "sign-out"]) at(id).hidden = true;
  at("sign-in").hidden = false;
  at("key-error").textContent = message;
  drawStatus();
  at("key").focus();
}

/** The key is not valid, or no longer valid. */
function refuse(error) {
  if (api !== null) signOut(error.message);
}

at("key-form").addEventListener("submit", (submit) => {
  submit.preventDefault();
  const key = at("key").value.trim();
  // A header can't carry other characters.
  if (/^[\x21-\x7e]+$/.test(key)) signIn(key);
  else at("key-error").textContent = "This is not an API key.";
});
at("sign-out").addEventListener("click", () => signOut(""));

// --- following ---

const listener = {
  events(found, { live }) {
    const fresh = list.add(found);
    if (!live) return;
    measures.arrived(fresh);
    news += fresh.length;
  },
  state(feed) {
    if (feed.error?.status === 401) refuse(feed.error);
    else drawStatus();
  },
  skipped(feed) {
    showText(at("feed-note"), `${feed.inbox} receives more events than this page can show: some were skipped, and are missing from the metrics.`);
  },
};

function follow(signal) {
  for (const inbox of feeds.keys()) if (!inboxes.includes(inbox)) feeds.delete(inbox);
  for (const inbox of inboxes) if (!feeds.has(inbox)) feeds.set(inbox, new Feed(inbox, api, types, listener));
  for (const feed of feeds.values()) {
    feed.seconds = Math.max(LEAST_WAIT_SECONDS, Math.floor(WAIT_SECONDS / feeds.size));
    feed.run(signal);
  }
}

function resume() {
  if (api === null || running !== null || paused || document.hidden) return drawStatus();
  running = new AbortController();
  follow(running.signal);
  operator.run(running.signal);
  groups.run(inboxes, running.signal);
  drawStatus();
}

function halt() {
  running?.abort();
  running = null;
  drawStatus();
}

function restart() {
  halt();
  drawInboxes();
  resume();
}

// Retry now, not after the pause.
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
      const unfollow = el("button", { type: "button", "aria-label": `Stop following ${inbox}`, title: `Stop following ${inbox}` }, "×");
      unfollow.hidden = inboxes.length === 1;
      unfollow.addEventListener("click", () => {
        inboxes = inboxes.filter((other) => other !== inbox);
        list.clear(inbox);
        restart();
        at("inbox").focus();
      });
      return el("li", {}, inbox, unfollow);
    }),
  );
  for (const one of at("inbox-form").elements) one.disabled = inboxes.length >= MAX_INBOXES;
  at("inbox").placeholder = inboxes.length >= MAX_INBOXES ? "At most four" : "Add inbox";
}

at("inbox-form").addEventListener("submit", (submit) => {
  submit.preventDefault();
  const inbox = at("inbox").value.trim();
  at("inbox").value = "";
  if (inbox === "" || inboxes.includes(inbox) || inboxes.length >= MAX_INBOXES) return;
  inboxes = [...inboxes, inbox];
  restart();
});

function applyFilter() {
  const filter = at("filter").value.trim();
  list.filter(filter);
  const requested = types[0] ?? "";
  const pending = filter !== "" && filter !== requested;
  showText(
    at("filter-hint"),
    requested
      ? `The server sends only ${requested}.${pending ? " Of these, the events that match the filter are shown." : ""}`
      : pending
        ? "Filtered among the events on this page. Press Enter to request only this type from the server."
        : "",
  );
}

function requestTypes(wanted) {
  if (wanted.join() === types.join()) return applyFilter();
  types = wanted;
  feeds.clear();
  list.clear();
  showText(at("feed-note"), "");
  restart();
  applyFilter();
}

at("filter").addEventListener("input", () => (at("filter").value === "" ? requestTypes([]) : applyFilter()));
at("filter-form").addEventListener("submit", (submit) => {
  submit.preventDefault();
  const filter = at("filter").value.trim();
  requestTypes(filter === "" || filter === "*" ? [] : [filter]);
});

// --- the status ---

function statusOf() {
  if (api === null) return ["closed", "Signed out"];
  if (paused) return ["paused", "Paused"];
  const states = [...feeds.values()];
  const waiting = states.find((feed) => feed.state === "waiting");
  if (waiting) {
    const seconds = Math.max(0, Math.ceil((waiting.retryAt - Date.now()) / 1000));
    return ["error", `${waiting.error.message} Retrying${seconds ? ` in ${seconds} s` : ""}.`];
  }
  const refused = states.find((feed) => feed.state === "refused");
  if (refused) return ["error", `${refused.inbox}: ${refused.error.message}`];
  if (states.some((feed) => feed.state === "behind")) return ["behind", "Catching up"];
  if (states.every((feed) => feed.state === "live")) return ["live", "Live"];
  return ["starting", "Connecting"];
}

function drawStatus() {
  const [state, text] = statusOf();
  at("status").dataset.state = state;
  if (at("status").textContent !== text) at("status").textContent = text;
}

setInterval(() => {
  if (api === null || document.hidden) return;
  measures.draw();
  drawStatus();
}, TICK_MS);

setInterval(() => {
  if (news > 0) at("news").textContent = `${news} new ${news === 1 ? "event" : "events"}`;
  news = 0;
}, NEWS_MS);

drawInboxes();
const kept = sessionStorage.getItem(KEY);
if (kept) signIn(kept);
else at("key").focus();
