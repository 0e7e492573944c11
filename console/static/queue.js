// Counts the messages in the queue and in the DLQ, for keys with the scope `operate`.

import { backoff, sleep } from "./api.js";

const COUNT_SECONDS = 3;
const OPERATE = "operate";

/**
 * Count until `signal` is aborted, and pass the counts to `counted`. `failed(reason)` is called with why there are none;
 * `refused(error)` if the key is no longer valid.
 */
export async function countMessages(api, key, { counted, failed, refused }, signal) {
  if (!key.scopes.includes(OPERATE)) return failed(`needs the scope ${OPERATE}`);
  for (let failures = 0; !signal.aborted; ) {
    let seconds = COUNT_SECONDS;
    try {
      const { text } = await api.get("/v1/queue", signal);
      failures = 0;
      counted(JSON.parse(text));
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 401) refused(error);
      failed("currently unknown");
      if (error.final) return;
      seconds = backoff(error, failures++);
    }
    await sleep(seconds, signal).catch(() => {});
  }
}
