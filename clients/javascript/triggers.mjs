// A small client of the Triggers API for browsers and Node 20 or newer, without dependencies. Copy this file, and
// triggers.d.mts for its types.

const RETRIED_STATUSES = new Set([429, 502, 503, 504]);
const MAX_EVENTS = 1000;
const MAX_BYTES = 512 * 1024;
const MAX_PAUSE_MS = 30_000;
const TIMEOUT_MS = 30_000;
const LEASE_LOST = 409;
const MAX_REASON_LENGTH = 200;
const HALF_PAIR = /\p{Surrogate}/u;
const HALF = "contains half of a surrogate pair, which is no character";

/** An error answer; `problem` is its body, problem details (RFC 9457). */
export class Refused extends Error {
  constructor(status, problem) {
    super(`${status}: ${problem.detail ?? problem.title ?? "no reason given"}`);
    this.status = status;
    this.problem = problem;
  }
}

/** An event given to `send` can't be encoded: its `index` (from 0), and the JSON `pointer` to the place, `/index/…`. */
export class InvalidEvent extends TypeError {
  constructor(index, pointer, detail) {
    super(`Event ${index} can't be sent: ${pointer} ${detail}.`);
    this.index = index;
    this.pointer = pointer;
  }
}

/** A client for one API and one key. It makes up to `attempts` attempts if a failure may be temporary, with pauses. */
export class Client {
  constructor(url, apiKey, { attempts = 8 } = {}) {
    this.url = new URL(url).href.replace(/\/$/, ""); // throws if it is invalid
    this.apiKey = apiKey;
    this.attempts = attempts;
  }

  /**
   * Send any number of events; return `{id, source, inbox, receipt}` of each, in the same order.
   *
   * Dates become RFC 3339 text. All events are encoded before the first is sent: throws `InvalidEvent` for the first
   * with a value that JSON.stringify would change or drop (NaN, a Map, bytes, …) or refuse (a BigInt, a cycle).
   */
  async send(events) {
    const key = randomKey(); // retries of a request carry the same key, so that they create no duplicates
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

  /**
   * Yield leases of a consumer group forever, extending each while it is handled. Asking for the next one acks what is
   * left of the last one; an exception or `break` in the loop releases it instead. To continue after an event that failed,
   * catch its exception and call `lease.release([event])`.
   */
  async *leases(group, { inbox = "default", limit = 100, seconds = 300, wait = 20, start } = {}) {
    while (true) {
      const body = JSON.stringify({ group, inbox, limit, seconds, wait, start });
      const answer = await this.request("POST", "/v1/leases", body);
      if (answer.lease === null) continue;
      const lease = new Lease(this, answer);
      const heartbeat = setInterval(() => lease.extend(seconds).catch(() => {}), (seconds * 1000) / 3);
      let isHandled = false;
      try {
        yield lease;
        isHandled = true;
      } finally {
        clearInterval(heartbeat);
        if (!lease.isOver) await (isHandled ? lease.ack() : lease.release()).catch(unlessLost);
      }
    }
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

/** Events of a group that are yours until the lease runs out; `isLost` says that another member may have them. */
export class Lease {
  constructor(client, { lease, events, attempt, until }) {
    Object.assign(this, { client, id: lease, events, attempt, until, isLost: false, isOver: false });
  }

  /** End `events`, or all that are left, for the group; with `remove`, also remove them from the inbox. */
  async ack(events, { remove = false } = {}) {
    await this.end("ack", events, { remove });
  }

  /** Give `events`, or all that are left, back, to be leased again after `delay` seconds, or the group's backoff. */
  async release(events, { delay, reason } = {}) {
    await this.end("release", events, { delay, reason: reason?.slice(0, MAX_REASON_LENGTH) });
  }

  /** Make the lease last for `seconds` (1 to 3,600) from now. */
  async extend(seconds = 300) {
    this.until = (await this.ask("extend", { seconds })).until;
  }

  async end(action, events, body) {
    if (events?.length === 0) return;
    const answer = await this.ask(action, { ...body, positions: events?.map((event) => event.position) });
    this.isOver = events === undefined || answer.left === 0;
  }

  async ask(action, body) {
    try {
      return await this.client.request("POST", `/v1/leases/${this.id}/${action}`, JSON.stringify(body));
    } catch (error) {
      if (error.status === LEASE_LOST) this.isLost = this.isOver = true;
      throw error;
    }
  }
}

/** Unlike `crypto.randomUUID`, this works in pages without TLS, too. */
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function unlessLost(error) {
  if (error.status !== LEASE_LOST) throw error;
}

function encode(event, index) {
  const refuse = (pointer, detail) => {
    throw new InvalidEvent(index, pointer, detail);
  };
  if (event === null || typeof event !== "object" || Array.isArray(event)) refuse(`/${index}`, "is not an object");
  try {
    check(event, `/${index}`, [], refuse);
    return JSON.stringify(event);
  } catch (error) {
    if (error instanceof RangeError) refuse(`/${index}`, "is nested too deeply");
    throw error;
  }
}

function check(value, pointer, within, refuse) {
  if (ArrayBuffer.isView(value)) refuse(pointer, "is bytes; encode them as text, for example with base64");
  if (value instanceof Date && isNaN(value)) refuse(pointer, "is an invalid date");
  if (typeof value?.toJSON === "function") value = value.toJSON(pointer.slice(pointer.lastIndexOf("/") + 1));
  if (typeof value === "number" && !isFinite(value)) refuse(pointer, `is ${value}; JSON has only finite numbers`);
  if (typeof value === "string" && HALF_PAIR.test(value)) refuse(pointer, HALF);
  if (value === null || ["boolean", "number", "string"].includes(typeof value)) return;
  if (typeof value === "bigint") refuse(pointer, "is a BigInt; convert it to a string, or a number");
  const kind = typeof value === "object" ? Object.prototype.toString.call(value).slice(8, -1) : typeof value;
  if (within.includes(value)) refuse(pointer, "contains itself");
  if (!["Object", "Array", "Boolean", "Number", "String"].includes(kind)) {
    refuse(pointer, `is of type ${kind}, which JSON does not have`);
  }
  const members = Array.isArray(value) ? Array.from(value).entries() : Object.entries(value);
  for (const [name, member] of members) {
    const text = String(name).replaceAll("~", "~0").replaceAll("/", "~1");
    const place = `${pointer}/${HALF_PAIR.test(text) ? JSON.stringify(text).slice(1, -1) : text}`;
    if (HALF_PAIR.test(text)) refuse(place, `has a name that ${HALF}`);
    // As usual in JavaScript, a property that is undefined does not exist.
    if (member !== undefined || Array.isArray(value)) check(member, place, [...within, value], refuse);
  }
}

function* batches(events) {
  const encoder = new TextEncoder();
  let pending = [];
  let size = 1;
  let index = 0;
  for (const event of events) {
    const text = encode(event, index++);
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
