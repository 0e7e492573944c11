// Requests to the API that serves this page. The key is in a header and nowhere else.

const SLACK_SECONDS = 15;
const LONGEST_SECONDS = 30;

/** Why a request came to nothing. `status` is 0 if there was no answer; `retryAfter` is in seconds, if it was told. */
export class Trouble extends Error {
  constructor(message, { status = 0, retryAfter = null } = {}) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Whether asking again unchanged is of no use. */
  get final() {
    return this.status >= 400 && this.status < 500 && this.status !== 408 && this.status !== 429;
  }
}

export class Api {
  #key;

  constructor(key) {
    this.#key = key;
  }

  /** Return `{text, serverMs}` of a GET; `seconds` is how long the server may keep it waiting. Raises `Trouble`. */
  async get(path, signal, seconds = 0) {
    return this.#ask(path, {}, signal, seconds);
  }

  /** Post `content` as JSON; return as `get` does. */
  async post(path, content, signal) {
    const headers = { "Content-Type": "application/json" };
    return this.#ask(path, { method: "POST", headers, body: JSON.stringify(content) }, signal, 30);
  }

  async #ask(path, options, signal, seconds) {
    const headers = { ...options.headers, Authorization: `Bearer ${this.#key}` };
    const patience = AbortSignal.timeout((seconds + SLACK_SECONDS) * 1000);
    try {
      const answer = await fetch(path, {
        ...options,
        headers,
        signal: AbortSignal.any([signal, patience]),
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
      });
      const text = await answer.text();
      if (!answer.ok) throw troubleOf(answer, text);
      return { text, serverMs: Date.parse(answer.headers.get("Date") ?? "") };
    } catch (error) {
      if (error instanceof Trouble || signal.aborted) throw error;
      throw new Trouble(patience.aborted ? "The server does not answer." : "The server can't be reached.");
    }
  }
}

function troubleOf(answer, text) {
  let detail = "";
  try {
    const problem = JSON.parse(text);
    detail = [problem.detail, ...(problem.errors ?? []).map((one) => one.detail)].filter(Boolean).join(" ");
  } catch {
    // Whatever stands in between said something of its own.
  }
  const seconds = Number.parseInt(answer.headers.get("Retry-After") ?? "", 10);
  return new Trouble(detail || `The server answered ${answer.status}.`, {
    status: answer.status,
    retryAfter: Number.isFinite(seconds) ? seconds : null,
  });
}

/** Return how many seconds to wait before the next attempt, after so many failures in a row. */
export function backoff(trouble, failures) {
  const doubled = Math.min(LONGEST_SECONDS, 2 ** Math.min(failures, 10));
  return Math.max(trouble.retryAfter ?? 0, doubled * (0.75 + Math.random() / 2));
}

/** Wait; raises if `signal` is aborted. */
export function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const timer = setTimeout(done, seconds * 1000);
    signal.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    }
  });
}
