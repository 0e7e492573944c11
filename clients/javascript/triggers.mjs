// A small client of the Triggers API for Node 18 or newer, without dependencies: copy this file.

import { randomUUID } from "node:crypto";

const RETRIED_STATUSES = new Set([429, 502, 503, 504]);
const MAX_EVENTS = 1000;
const MAX_BYTES = 512 * 1024;
const MAX_PAUSE_MS = 30_000;
const TIMEOUT_MS = 30_000;

/** An error answer; `problem` is its body, problem details (RFC 9457). */
export class Refused extends Error {
  constructor(status, problem) {
    super(`${status}: ${problem.detail ?? problem.title ?? "no reason given"}`);
    this.status = status;
    this.problem = problem;
  }
}

/** A client for one API and one key. It makes up to `attempts` attempts if a failure may be temporary, with pauses. */
export class Client {
  constructor(url, apiKey, { attempts = 8 } = {}) {
    this.url = new URL(url).href.replace(/\/$/, ""); // throws if it is invalid
    this.apiKey = apiKey;
    this.attempts = attempts;
  }

  /** Send any number of events; return `{id, source, inbox, receipt}` of each, in the same order. */
  async send(events) {
    const key = randomUUID(); // retries of a request carry the same key, so that they create no duplicates
    const accepted = [];
    for (const [n, body] of [...batches(events)].entries()) {
      const answer = await this.request("POST", "/v1/events", body, { "Idempotency-Key": `"${key}-${n}"` });
      accepted.push(...answer.events);
    }
    return accepted;
  }

  /** Yield pages `{events, next, more}` forever; without new events, an empty one after `wait` (1 to 20) seconds. */
  async *follow({ inbox = "default", cursor, types = [], limit = 100, wait = 20, early = true } = {}) {
    while (true) {
      const query = new URLSearchParams({ inbox, limit, wait, early });
      for (const type of types) query.append("type", type);
      if (cursor) query.set("after", cursor);
      const page = await this.request("GET", `/v1/inbox?${query}`);
      cursor = page.next;
      yield page;
    }
  }

  /** Acknowledge events of one page. Can be repeated safely. */
  async ack(events) {
    if (events.length === 0) return;
    const positions = events.map((event) => event.position);
    await this.request("POST", "/v1/acks", JSON.stringify({ inbox: events[0].inbox, positions }));
  }

  async request(method, path, body, headers = {}) {
    headers = { ...headers, Authorization: `Bearer ${this.apiKey}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    for (let failures = 1; ; failures++) {
      let failure;
      let retryable = true;
      let retryAfter;
      try {
        const response = await fetch(this.url + path, { method, headers, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
        if (response.ok) return await response.json();
        failure = new Refused(response.status, await response.json().catch(() => ({})));
        retryable = RETRIED_STATUSES.has(response.status);
        retryAfter = response.headers.get("Retry-After");
      } catch (error) {
        failure = error; // no connection, or a lost one
      }
      if (!retryable || failures >= this.attempts) throw failure;
      await pause(failures, Number(retryAfter));
    }
  }
}

function* batches(events) {
  const encoder = new TextEncoder();
  let pending = [];
  let size = 1;
  for (const event of events) {
    const text = JSON.stringify(event);
    const needed = encoder.encode(text).length + 1; // the comma, or the closing bracket
    if (pending.length > 0 && (pending.length === MAX_EVENTS || size + needed > MAX_BYTES)) {
      yield `[${pending}]`;
      pending = [];
      size = 1;
    }
    pending.push(text);
    size += needed;
  }
  if (pending.length > 0) yield `[${pending}]`;
}

function pause(failures, retryAfterSeconds) {
  const asked = retryAfterSeconds > 0 ? retryAfterSeconds * 1000 : 250 * 2 ** failures;
  return new Promise((resolve) => setTimeout(resolve, Math.min(asked, MAX_PAUSE_MS) * (1 + Math.random() / 5)));
}
