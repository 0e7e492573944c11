// Requests to the API that serves this page. The key is sent only in a header.

const SLACK_SECONDS = 15;
const LONGEST_SECONDS = 30;

/** A failed request. `status` is 0 if there was no response; `retryAfter` is in seconds, null if not given. */
export class RequestError extends Error {
  constructor(message, { status = 0, retryAfter = null } = {}) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Whether a retry of the same request would fail, too. */
  get final() {
    return this.status >= 400 && this.status < 500 && this.status !== 408 && this.status !== 429;
  }
}

export class Api {
  #key;

  constructor(key) {
    this.#key = key;
  }

  /** The API key, for a command that the user copies; it must not be shown. */
  get key() {
    return this.#key;
  }

  /** Return `{text, serverMs}` of a GET. The server may delay its response by up to `seconds`. Throws `RequestError`. */
  async get(path, signal, seconds = 0) {
    return this.#request(path, {}, signal, seconds);
  }

  /** POST `content` as JSON; return the same as `get`. */
  async post(path, content, signal) {
    const headers = { "Content-Type": "application/json" };
    return this.#request(path, { method: "POST", headers, body: JSON.stringify(content) }, signal, 30);
  }

  async #request(path, options, signal, seconds) {
    const headers = { ...options.headers, Authorization: `Bearer ${this.#key}` };
    const timeout = AbortSignal.timeout((seconds + SLACK_SECONDS) * 1000);
    try {
      const response = await fetch(path, {
        ...options,
        headers,
        signal: AbortSignal.any([signal, timeout]),
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
      });
      const text = await response.text();
      if (!response.ok) throw errorOf(response, text);
      return { text, serverMs: Date.parse(response.headers.get("Date") ?? "") };
    } catch (error) {
      if (error instanceof RequestError || signal.aborted) throw error;
      throw new RequestError(timeout.aborted ? "The server does not respond." : "The server can't be reached.");
    }
  }
}

function errorOf(response, text) {
  let detail = "";
  try {
    const problem = JSON.parse(text);
    detail = [problem.detail, ...(problem.errors ?? []).map((one) => one.detail)].filter(Boolean).join(" ");
  } catch {
    // Not problem details: a proxy sent this response.
  }
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return new RequestError(detail || `The server responded with status ${response.status}.`, {
    status: response.status,
    retryAfter: Number.isFinite(seconds) ? seconds : null,
  });
}

/** Return the seconds to wait before the next attempt, after `failures` earlier failures in a row. */
export function backoff(error, failures) {
  const doubled = Math.min(LONGEST_SECONDS, 2 ** Math.min(failures, 10));
  return Math.max(error.retryAfter ?? 0, doubled * (0.75 + Math.random() / 2));
}

/** Wait; rejects if `signal` is aborted. */
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
