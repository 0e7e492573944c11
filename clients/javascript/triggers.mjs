// A small client of the Triggers API for node 18 and newer. It needs nothing else: copy it.

import { randomUUID } from "node:crypto";

const TRY_AGAIN = new Set([429, 502, 503, 504]);
const MAX_EVENTS = 1000;
const MAX_BYTES = 512 * 1024;
const MAX_PAUSE_MS = 30_000;
const TIMEOUT_MS = 30_000;

/** An error answer; `problem` is its body, problem details as RFC 9457 describes them. */
export class Refused extends Error {
  constructor(status, problem) {
    super(`${status}: ${problem.detail ?? problem.title ?? "no reason given"}`);
    this.status = status;
    this.problem = problem;
  }
}

/** One API and the key to it. What fails in a way that may pass is tried again `attempts` times, after a pause. */
export class Client {
  constructor(url, apiKey, { attempts = 8 } = {}) {
    this.url = new URL(url).href.replace(/\/$/, ""); // throws if it is none
    this.apiKey = apiKey;
    this.attempts = attempts;
  }

  /** Sends any number of events, and returns `{id, source, inbox, receipt}` of each, in the same order. */
  async send(events) {
    const key = randomUUID(); // repeats of a request carry the same key, and are dropped
    const accepted = [];
    for (const [n, body] of [...batches(events)].entries()) {
      const answer = await this.request("POST", "/v1/events", body, { "Idempotency-Key": `"${key}-${n}"` });
      accepted.push(...answer.events);
    }
    return accepted;
  }

  /** Yields page after page, `{events, next, more}`, for ever; an empty one after `wait` (1 to 20) seconds of nothing. */
  async *follow({ inbox = "default", cursor, types = [], limit = 100, wait = 20 } = {}) {
    while (true) {
      const query = new URLSearchParams({ inbox, limit, wait });
      for (const type of types) query.append("type", type);
      if (cursor) query.set("after", cursor);
      const page = await this.request("GET", `/v1/inbox?${query}`);
      cursor = page.next;
      yield page;
    }
  }

  /** Tells that these events of one page are handled. May be repeated. */
  async ack(events) {
    if (events.length === 0) return;
    const positions = events.map((event) => event.position);
    await this.request("POST", "/v1/acks", JSON.stringify({ inbox: events[0].inbox, positions }));
  }

  async request(method, path, body, headers = {}) {
    headers = { ...headers, Authorization: `Bearer ${this.apiKey}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    for (let failures = 1; ; failures++) {
      let trouble;
      let again = true;
      let retryAfter;
      try {
        const response = await fetch(this.url + path, { method, headers, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
        if (response.ok) return await response.json();
        trouble = new Refused(response.status, await response.json().catch(() => ({})));
        again = TRY_AGAIN.has(response.status);
        retryAfter = response.headers.get("Retry-After");
      } catch (error) {
        trouble = error; // there is no connection, or it was cut
      }
      if (!again || failures >= this.attempts) throw trouble;
      await pause(failures, Number(retryAfter));
    }
  }
}

function* batches(events) {
  const encoder = new TextEncoder();
  let waiting = [];
  let size = 1;
  for (const event of events) {
    const text = JSON.stringify(event);
    const needed = encoder.encode(text).length + 1; // the comma, or the last bracket
    if (waiting.length > 0 && (waiting.length === MAX_EVENTS || size + needed > MAX_BYTES)) {
      yield `[${waiting}]`;
      waiting = [];
      size = 1;
    }
    waiting.push(text);
    size += needed;
  }
  if (waiting.length > 0) yield `[${waiting}]`;
}

function pause(failures, retryAfterSeconds) {
  const asked = retryAfterSeconds > 0 ? retryAfterSeconds * 1000 : 250 * 2 ** failures;
  return new Promise((resolve) => setTimeout(resolve, Math.min(asked, MAX_PAUSE_MS) * (1 + Math.random() / 5)));
}
