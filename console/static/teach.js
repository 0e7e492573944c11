// What an empty view shows: what belongs there, and a command that fills it.

import { quoted } from "./curl.js";
import { button, el } from "./dom.js";
import { commandSection } from "./payload.js";

const KEY = "$TRIGGERS_API_KEY";
const HINT = "The copied line contains your API key, so it works as it is.";

/** Return the content of an empty view. `parts` follow the text; null ones are skipped. */
export function lesson(title, text, ...parts) {
  return [el("h3", {}, title), el("p", {}, text), ...parts.filter((part) => part !== null)];
}

/** Return the command that sends `content` to `path`; its button copies the line with the key. */
export function curlSection(title, api, path, content) {
  const line = (key) =>
    [
      `curl -sS ${quoted(location.origin + path)} \\\n  -H "Authorization: Bearer ${key}"`,
      "-H 'Content-Type: application/json'",
      `-d ${quoted(JSON.stringify(content))}`,
    ].join(" \\\n  ");
  return commandSection(title, line(KEY), { hint: HINT, copied: line(api.key), label: "Copy with key" });
}

/** Return an event that shows that everything works, of a type that the key may send. */
export function testEvent(key, inbox) {
  const type = key.types.length === 0 ? "test.hello" : key.types[0].replace(/\*$/, "hello");
  return { type, inbox, data: { message: "Hello from the live page", sentat: new Date().toISOString() } };
}

/** Return a button that posts a test event to `inbox`; it shows what went wrong. */
export function testButton(api, key, inbox) {
  const note = el("span", { class: "note", role: "status" });
  const send = button("Send a test event", async () => {
    send.disabled = true;
    try {
      await api.post("/v1/events", testEvent(key, inbox), AbortSignal.timeout(30_000));
      note.textContent = "Sent.";
    } catch (error) {
      note.textContent = error.message;
    } finally {
      send.disabled = false;
    }
  }, { class: "primary" });
  return el("p", { class: "act" }, send, note);
}

/** Return what to show where the key lacks `scope`. */
export function forbidden(what, key, scope) {
  const scopes = [...new Set([...key.scopes, scope])].map((one) => `--scope ${one}`).join(" \\\n  ");
  return lesson(
    "Not available to this key",
    `${what} needs the scope ${scope}, which the key “${key.name}” lacks. Sign in with a key that has it.`,
    commandSection("Create one", `triggers keys create --tenant ${quoted(key.tenant)} --name page \\\n  ${scopes}`),
  );
}
