// The metric tiles: values of the last three minutes, with charts.

import { area, bars, largest, Series, STEP_MS } from "./chart.js";
import { at } from "./dom.js";
import { span } from "./zone.js";

const RECENT = 200;
/** The number of latest steps that a rate covers. */
const RATE_STEPS = 4;

class Tile {
  #value;
  #unit;
  #foot;
  #chart;
  #path;

  constructor(id) {
    const tile = at(id);
    this.element = tile;
    this.#value = tile.querySelector(".value");
    this.#unit = tile.querySelector(".unit");
    this.#foot = tile.querySelector(".foot");
    this.#chart = tile.querySelector("svg");
    this.#path = tile.querySelector("path");
  }

  show({ value, unit, foot, values, draw, label }) {
    this.#value.textContent = value;
    if (unit !== undefined) this.#unit.textContent = unit;
    this.#foot.textContent = foot || "\u00a0";
    if (!values) return;
    this.#path.setAttribute("d", draw(values, Math.max(1, largest(values))));
    this.#chart.setAttribute("aria-label", label);
  }
}

const round = (number) => (number >= 10 || number === 0 ? Math.round(number).toLocaleString("en") : number.toFixed(1));

export class Measures {
  #rates;
  #lags;
  #waiting;
  #dead;
  #recent;
  #counts;
  #denied;
  #tiles = Object.fromEntries(["rate", "lag", "waiting", "dead"].map((name) => [name, new Tile(`tile-${name}`)]));

  constructor() {
    this.clear();
  }

  /** Clear all values, because another key may not be allowed to see them. */
  clear() {
    this.clearRates();
    this.#waiting = new Series((_, latest) => latest);
    this.#dead = new Series((_, latest) => latest);
    this.#counts = null;
    this.#denied = "";
  }

  /** Clear what was measured on events, because another inbox is shown. */
  clearRates() {
    this.#rates = new Series((some, more) => some + more);
    this.#lags = new Series(Math.max);
    this.#recent = [];
  }

  /** Count events that arrived live. */
  arrived(events) {
    if (events.length > 0) this.#rates.add(events.length);
    for (const event of events) {
      const latency = event.storedMs - event.acceptedMs;
      if (!Number.isFinite(latency)) continue;
      this.#lags.add(Math.max(0, latency));
      this.#recent.push(Math.max(0, latency));
    }
    this.#recent.splice(0, this.#recent.length - RECENT);
  }

  /** Record the message counts of the queues. */
  counted(counts) {
    this.#counts = counts;
    this.#denied = "";
    this.#waiting.add(counts.waiting);
    this.#dead.add(counts.dead);
  }

  /** Record why the counts are not available. */
  denied(reason) {
    this.#denied = reason;
    this.#counts = null;
    this.draw();
  }

  draw() {
    const rates = this.#rates.roll().map((count) => (count ?? 0) / (STEP_MS / 1000));
    const rate = rates.slice(-RATE_STEPS - 1, -1).reduce((sum, one) => sum + one, 0) / RATE_STEPS;
    const peak = round(largest(rates));
    this.#tiles.rate.show({
      value: round(rate),
      foot: `peak ${peak}/s`,
      values: rates,
      draw: bars,
      label: `Events stored per second over three minutes, at most ${peak}`,
    });
    const lags = this.#lags.roll();
    const sorted = [...this.#recent].sort((some, other) => some - other);
    const slowest = span(largest(lags)).join(" ");
    const [median, unit] = sorted.length ? span(sorted[sorted.length >> 1]) : ["–", "ms"];
    this.#tiles.lag.show({
      value: median,
      unit: `${unit} median`,
      foot: sorted.length ? `slowest ${slowest}` : "no new events",
      values: lags,
      draw: bars,
      label: `Processing latency over three minutes, at most ${slowest}`,
    });
    this.#count("waiting", this.#waiting.roll(), "packs of events");
    this.#count("dead", this.#dead.roll(), this.#counts?.dead ? "need attention" : "none");
    this.#tiles.dead.element.classList.toggle("bad", Boolean(this.#counts?.dead));
  }

  #count(name, values, foot) {
    const known = this.#counts !== null;
    this.#tiles[name].show({
      value: known ? this.#counts[name].toLocaleString("en") : "–",
      foot: known ? foot : this.#denied,
      values,
      draw: area,
      label: `Messages over three minutes, at most ${largest(values).toLocaleString("en")}`,
    });
  }
}

