// The connection: one word in the header, and while something is wrong one line that is updated.

import { at } from "./dom.js";

const WORDS = { live: "Live", idle: "Signed in", behind: "Catching up", waiting: "Offline", refused: "Stopped" };

/** Draw the status of the page. */
export function drawStatus({ isSignedIn, paused, stream }) {
  const state = !isSignedIn ? "closed" : paused ? "paused" : stream.state;
  const word = { closed: "Signed out", paused: "Paused" }[state] ?? WORDS[state] ?? "Connecting";
  write(at("state"), state === "live" && !stream.isLive ? "Up to date" : word);
  at("status").dataset.state = state;
  const isTrouble = state === "waiting" || state === "refused";
  at("trouble").hidden = !isTrouble;
  if (!isTrouble) return write(at("trouble-text"), "");
  write(at("trouble-text"), stream.error.message);
  const seconds = Math.max(0, Math.ceil((stream.retryAt - Date.now()) / 1000));
  // Beside the alert, so that a screen reader does not read each second.
  write(at("trouble-retry"), state === "refused" ? "" : seconds ? `Retrying in ${seconds} s.` : "Retrying…");
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
