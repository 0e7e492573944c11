// The page: signing in and out, and what runs while someone is signed in.

import { Api } from "./api.js";
import { watchConfirm } from "./confirm.js";
import { DeadLetters } from "./dead-letters.js";
import { show } from "./detail.js";
import { at, attributes } from "./dom.js";
import { Find } from "./find.js";
import { Groups } from "./groups.js";
import { Inboxes } from "./inboxes.js";
import { List } from "./list.js";
import { Measures } from "./measures.js";
import { Panels } from "./panels.js";
import { countMessages } from "./queue.js";
import { drawStatus } from "./status.js";
import { Stream } from "./stream.js";
import { watchViews } from "./views.js";
import { localName, offset, onZone, useUtc, utc } from "./zone.js";

// Stored in sessionStorage, which lasts as long as the tab.
const KEY = "triggers.key";
const NEWS_MS = 5000;
const TICK_MS = 1000;
const SIGN_IN_MS = 15_000;

const panels = new Panels();
const measures = new Measures();
const list = new List(show, (how) => panels.open("detail", how));
const stream = new Stream(list, { restart: () => rerun("stream"), changed: draw, refused: refuse, arrived });
const inboxes = new Inboxes(changeInbox, (count) => (at("undelivered-count").textContent = count));
const find = new Find(list, () => inboxes.current, () => panels.open("detail", { byKey: true }));
const groups = new Groups();
const deadLetters = new DeadLetters((how) => panels.open("dead-letter", how));
let api = null;
let key = null;
let running = null;
const own = new Map(); // of parts that are started again alone: name → AbortController
let paused = false;
let news = 0;

// --- signing in and out ---

async function signIn(secret) {
  const signal = AbortSignal.timeout(SIGN_IN_MS);
  const candidate = new Api(secret);
  drawKeyError("");
  at("key-submit").disabled = true;
  try {
    const { text } = await candidate.get("/v1/key", signal);
    [api, key] = [candidate, JSON.parse(text)];
  } catch (error) {
    const message = signal.aborted ? "The server does not respond." : error.message;
    if (error.status === 401) sessionStorage.removeItem(KEY);
    return showSignIn(error.status === 401 || error.status === 0 ? message : `Signing in failed: ${message}`);
  } finally {
    at("key-submit").disabled = false;
  }
  sessionStorage.setItem(KEY, secret);
  showPage();
}

function showPage() {
  at("key").value = "";
  at("sign-in").hidden = true;
  for (const id of ["page", "views", "tools"]) at(id).hidden = false;
  at("account").textContent = key.tenant;
  at("account").setAttribute("aria-label", `Account of ${key.tenant}`);
  const types = key.types.join(", ") || "all types";
  const pairs = [["Key", key.name], ["Tenant", key.tenant], ["Scopes", key.scopes.join(" ")], ["Types", types]];
  at("key-details").replaceChildren(...attributes(pairs).childNodes);
  paused = false;
  for (const part of [stream, inboxes, find, groups, deadLetters]) part.use(api, key);
  show(null);
  stream.open(inboxes.current);
  drawPause();
  resume();
  at("list").focus();
}

function showSignIn(message) {
  at("sign-in").hidden = false;
  drawKeyError(message);
  draw();
  at("key").focus();
}

function signOut(message) {
  halt();
  sessionStorage.removeItem(KEY);
  api = key = null;
  for (const part of [stream, inboxes, find, groups, deadLetters]) part.use(null, null);
  show(null);
  measures.clear();
  panels.close();
  for (const id of ["page", "views", "tools"]) at(id).hidden = true;
  at("dead-badge").hidden = true;
  if (at("menu").matches(":popover-open")) at("menu").hidePopover();
  showSignIn(message);
}

function drawKeyError(message) {
  at("key-error").textContent = message;
  at("key").setAttribute("aria-invalid", String(message !== ""));
}

/** The key is no longer valid. */
function refuse(error) {
  if (api !== null) signOut(error.message);
}

at("key-form").addEventListener("submit", (submit) => {
  submit.preventDefault();
  const secret = at("key").value.trim();
  // A header can't carry other characters.
  if (/^[\x21-\x7e]+$/.test(secret)) signIn(secret);
  else drawKeyError("This is not an API key.");
});
at("sign-out").addEventListener("click", () => signOut(""));

// --- what runs ---

function resume() {
  if (api === null || running !== null || paused || document.hidden) return draw();
  running = new AbortController();
  const { signal } = running;
  for (const name of ["stream", "groups"]) rerun(name);
  inboxes.run(signal);
  deadLetters.run(signal);
  countMessages(api, key, { counted, failed: (reason) => measures.denied(reason), refused: refuse }, signal);
  draw();
}

/** Start a part again, without the others. */
function rerun(name) {
  own.get(name)?.abort();
  if (running === null) return;
  own.set(name, new AbortController());
  const signal = AbortSignal.any([running.signal, own.get(name).signal]);
  if (name === "stream") stream.run(signal);
  else groups.run(() => inboxes.names, signal);
}

function halt() {
  running?.abort();
  running = null;
  draw();
}

function restart() {
  halt();
  resume();
}

function changeInbox() {
  show(null);
  find.clear();
  stream.open(inboxes.current);
  measures.clearRates();
  rerun("stream");
}

function counted(counts) {
  measures.counted(counts);
  at("dead-badge").hidden = counts.dead === 0;
  at("dead-badge").textContent = counts.dead.toLocaleString("en");
  deadLetters.counted(counts.dead);
}

function arrived(events) {
  measures.arrived(events);
  news += events.length;
}

// Retry now, not after the pause.
addEventListener("online", restart);
at("retry").addEventListener("click", restart);
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

// --- the time zone ---

function drawZone() {
  at("zone").value = utc() ? "utc" : "local";
  at("zone").options[0].textContent = `Local (${localName()})`;
  for (const place of document.querySelectorAll("[data-zone]")) place.textContent = offset();
}

at("zone").addEventListener("change", () => useUtc(at("zone").value === "utc"));
onZone(drawZone);

// --- always ---

function draw() {
  drawStatus({ isSignedIn: api !== null, paused, stream });
}

setInterval(() => {
  if (api === null || document.hidden) return;
  measures.draw();
  draw();
}, TICK_MS);

setInterval(() => {
  if (news > 0) at("news").textContent = `${news} new ${news === 1 ? "event" : "events"}`;
  news = 0;
}, NEWS_MS);

watchConfirm();
watchViews(() => {
  panels.close();
  rerun("groups");
});
drawZone();
const kept = sessionStorage.getItem(KEY);
at("sign-in").hidden = kept !== null;
if (kept !== null) signIn(kept);
else showSignIn("");
