// The time zone of all times on the page: local or UTC, as the user chooses.

const KEY = "triggers.zone";

const two = (number) => String(number).padStart(2, "0");
const changed = new EventTarget();
let isUtc = globalThis.sessionStorage?.getItem(KEY) === "utc";

/** Whether times are in UTC. */
export function utc() {
  return isUtc;
}

/** Use UTC, or else local time, until the tab is closed. */
export function useUtc(chosen) {
  isUtc = chosen;
  sessionStorage.setItem(KEY, chosen ? "utc" : "local");
  changed.dispatchEvent(new Event("change"));
}

/** Call `listener` whenever the zone changes. */
export function onZone(listener) {
  changed.addEventListener("change", listener);
}

/** Return the name of the browser's own time zone, such as Europe/Berlin. */
export function localName() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Return the zone at a time as an offset: `UTC`, `UTC+2`, `UTC-3:30`. */
export function offset(ms = Date.now()) {
  const minutes = isUtc ? 0 : -new Date(ms).getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `UTC${minutes < 0 ? "-" : "+"}${hours}${rest ? `:${two(rest)}` : ""}`;
}

function parts(ms) {
  const shifted = new Date(isUtc ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000);
  return Number.isNaN(shifted.getTime()) ? null : shifted.toISOString();
}

/** Return a time of day with milliseconds, or for another day the date and the time to seconds; `–` if invalid. */
export function clock(ms) {
  const text = parts(ms);
  if (text === null) return "–";
  const isToday = text.slice(0, 10) === parts(Date.now()).slice(0, 10);
  return isToday ? text.slice(11, 23) : `${text.slice(5, 10)} ${text.slice(11, 19)}`;
}

/** Return the date, time and zone; `–` if invalid. */
export function stamp(ms) {
  const text = parts(ms);
  return text === null ? "–" : `${text.slice(0, 10)} ${text.slice(11, 23)} ${offset(ms)}`;
}

/** Return the value of a `datetime-local` input for a time. */
export function toInput(ms) {
  return parts(ms)?.slice(0, 19) ?? "";
}

/** Return the milliseconds of the value of a `datetime-local` input; NaN if it is empty. */
export function fromInput(value) {
  return value === "" ? Number.NaN : Date.parse(isUtc ? `${value}Z` : value);
}

/** Return a duration as a number and its unit. */
export function span(ms) {
  return ms < 10_000 ? [Math.round(ms).toLocaleString("en"), "ms"] : [(ms / 1000).toFixed(1), "s"];
}

/** Return a duration in its largest unit, such as `3 min`. */
export function roughly(ms) {
  const units = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"], [1000, "s"]];
  const [size, unit] = units.find(([size]) => ms >= size) ?? [1000, "s"];
  return `${Math.max(0, Math.floor(ms / size))} ${unit}`;
}
