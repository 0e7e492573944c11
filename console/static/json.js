// JSON as text. Numbers are never converted: 9007199254740993 and 1.10 are shown as they were posted, which JSON.parse
// would not do. Text that is not JSON, for example from a proxy, throws SyntaxError.

const SPACE = /[ \t\r\n]*/y;
const COLON = /[ \t\r\n]*:[ \t\r\n]*/y;
const MARK = /["[\]{}]/g;
const STRING = /"[^"\\]*(?:\\[^][^"\\]*)*"/y;
const TOKEN = /[ \t\r\n]*(?:([[\]{}:,])|("[^"\\]*(?:\\[^][^"\\]*)*")|([^ \t\r\n[\]{}:,"]+))/y;
const SCALAR = /[^ \t\r\n[\]{}:,"]+/y;
// What is drawn as nothing or as a blank, or changes the text direction, could make one event look like another:
// everything that Unicode says to draw as nothing, controls, formats, unassigned and private characters, half surrogate
// pairs, all separators but the space; and other characters that are a blank (Hangul's are among the first).
const INVISIBLE = /(?! )[\p{Default_Ignorable_Code_Point}\p{C}\p{Z}\u2800\u{13441}\u{13442}\u{16fe4}\u{1d159}]/gu;
const MAX_LINES = 5000;
const MAX_CHARACTERS = 400_000;
const MAX_INDENT = 40;

function match(expression, text, at) {
  expression.lastIndex = at;
  return expression.exec(text);
}

function past(expression, text, at) {
  if (match(expression, text, at) === null) throw new SyntaxError("not JSON");
  return expression.lastIndex;
}

/** Return the end of the value that begins at `at`. */
function endOf(text, at) {
  if (text[at] === '"') return past(STRING, text, at);
  if (text[at] !== "{" && text[at] !== "[") return past(SCALAR, text, at);
  let depth = 0;
  for (;;) {
    const mark = match(MARK, text, at);
    if (mark === null) throw new SyntaxError("not JSON");
    at = mark.index;
    if (mark[0] === '"') {
      at = past(STRING, text, at);
      continue;
    }
    depth += mark[0] === "{" || mark[0] === "[" ? 1 : -1;
    at += 1;
    if (depth === 0) return at;
  }
}

/** Return the values of an array as JSON text. */
export function items(text) {
  const found = [];
  let at = past(SPACE, text, 1 + text.indexOf("["));
  while (at < text.length && text[at] !== "]") {
    const end = endOf(text, at);
    found.push(text.slice(at, end));
    at = past(SPACE, text, end);
    if (text[at] === ",") at = past(SPACE, text, at + 1);
  }
  return found;
}

/** Return the values of an object as JSON text, by name. */
export function members(text) {
  const found = new Map();
  let at = past(SPACE, text, 1 + text.indexOf("{"));
  while (at < text.length && text[at] !== "}") {
    const end = endOf(text, at);
    const name = JSON.parse(text.slice(at, end));
    at = past(COLON, text, end);
    const last = endOf(text, at);
    found.set(name, text.slice(at, last));
    at = past(SPACE, text, last);
    if (text[at] === ",") at = past(SPACE, text, at + 1);
  }
  return found;
}

/** Return an object of these values as JSON text. */
export function object(values) {
  return `{${[...values].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
}

/** Return the value of a JSON string; "" if it is not a string. */
export function stringOf(value) {
  return value?.startsWith('"') ? JSON.parse(value) : "";
}

/** Return the text in a JSON string of base64, or null if it is not UTF-8. */
export function textIn(value) {
  try {
    const bytes = Uint8Array.from(atob(stringOf(value)), (character) => character.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Return `text` with each invisible character replaced by its escape. */
export function visible(text) {
  return text.replace(INVISIBLE, escaped);
}

function escaped(character) {
  // JSON has escapes of 16 bits, so that one beyond them takes two.
  return character.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Return the same JSON on one line, with invisible characters escaped; spaces within strings stay. */
export function compact(text) {
  let made = "";
  for (let at = 0; ; at = TOKEN.lastIndex) {
    const token = match(TOKEN, text, at);
    if (token === null) return made;
    made += visible(token[1] ?? token[2] ?? token[3]);
  }
}

/**
 * Return the same JSON, indented, as parts `[kind, text]`: `mark`, `name`, `string`, `number` or `word`. `cut` is
 * true if it is too long to show in full.
 */
export function pretty(text) {
  const parts = [];
  const open = [];
  let lines = 1;
  let length = 0;
  let before = "";
  const put = (kind, some) => {
    parts.push([kind, some]);
    length += some.length;
  };
  const newline = () => {
    put("mark", `\n${"  ".repeat(Math.min(open.length, MAX_INDENT))}`);
    lines += 1;
  };
  for (let at = 0; ; at = TOKEN.lastIndex) {
    const token = match(TOKEN, text, at);
    if (token === null) return { parts, cut: false };
    if (lines > MAX_LINES || length > MAX_CHARACTERS) return { parts, cut: true };
    const [, mark, string, rest] = token;
    const inside = open.at(-1);
    if (mark === "}" || mark === "]") {
      open.pop();
      if (before !== "{" && before !== "[") newline();
      put("mark", mark);
    } else {
      if (before === "{" || before === "[" || before === ",") newline();
      if (mark === "{" || mark === "[") open.push(mark);
      if (mark !== undefined) put("mark", mark === ":" ? ": " : mark);
      else if (string === undefined) put(/^[-0-9]/.test(rest) ? "number" : "word", rest);
      else {
        const shown = visible(string);
        const room = MAX_CHARACTERS - length;
        put(inside === "{" && before !== ":" ? "name" : "string", shown.slice(0, room));
        if (shown.length > room) return { parts, cut: true };
      }
    }
    before = mark ?? "value";
  }
}
