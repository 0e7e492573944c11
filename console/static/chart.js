// Series of values over the last three minutes, and the SVG paths that draw them.

export const STEP_MS = 3000;
const STEPS = 60;
const WIDTH = 180;
const HEIGHT = 40;

/** One value per step, for the latest steps. `join` combines values in the same step. */
export class Series {
  #values = new Array(STEPS).fill(null);
  #step = Math.floor(Date.now() / STEP_MS);
  #join;

  constructor(join) {
    this.#join = join;
  }

  /** Add a value that was measured now. */
  add(value) {
    this.roll();
    const before = this.#values[STEPS - 1];
    this.#values[STEPS - 1] = before === null ? value : this.#join(before, value);
  }

  /** Return the values, oldest first; null where there is none. */
  roll() {
    const step = Math.floor(Date.now() / STEP_MS);
    for (; this.#step < step; this.#step += 1) {
      this.#values.shift();
      this.#values.push(null);
      if (step - this.#step > STEPS) this.#step = step - STEPS;
    }
    return this.#values;
  }
}

export const largest = (values) => values.reduce((most, value) => Math.max(most, value ?? 0), 0);

/** Return the path of a bar for each value. */
export function bars(values, most) {
  const width = WIDTH / STEPS;
  return values
    .map((value, index) => {
      if (!value) return "";
      const height = Math.max(1.5, (value / most) * HEIGHT);
      return `M${(index * width).toFixed(1)} ${HEIGHT}v${-height.toFixed(1)}h${(width * 0.7).toFixed(1)}V${HEIGHT}z`;
    })
    .join("");
}

/** Return the path of the area below the values; a value counts until the next one. */
export function area(values, most) {
  const width = WIDTH / STEPS;
  const points = [];
  let last = null;
  for (const [index, value] of values.entries()) {
    last = value ?? last;
    if (last === null) continue;
    const y = (HEIGHT - (last / most) * (HEIGHT - 1)).toFixed(1);
    points.push(`${(index * width).toFixed(1)} ${y}`, `${((index + 1) * width).toFixed(1)} ${y}`);
  }
  if (points.length === 0) return "";
  return `M${points[0].split(" ")[0]} ${HEIGHT}L${points.join("L")}V${HEIGHT}z`;
}
