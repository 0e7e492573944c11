"""The page's JSON functions and curl commands, run by Node; tests/e2e tests the rest in a browser."""

import json
import shlex
import unicodedata
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.unit.console.node import evaluate

_SCRIPT = """\
const [json, curl] = await Promise.all(["json", "curl"].map((name) => import(`FOLDER/${name}.js`)));
function valueOf(text) {
  try {
    return EXPRESSION;
  } catch (error) {
    return error.name;
  }
}
answer = given.map(valueOf);
"""
TEXTS = [
    "[-0,1.10,1e5,1E+05,0.0,9007199254740993,1e999]",
    "7" * 5000,
    r'["\ud800", "\udc00\ud800"]',
    r'{"a":"\u0000\ud83d\ude80\"\\","a":2,"":{}}',
    ' { "a" : [ ] , "b" : [ { } , null , true ] } ',
    '"\x7f\x85\u2028\ufeff\u202e\ufffe"',
    "[" * 500 + "]" * 500,
    '{"[{\\"":"[{\\""}',
    "3",
]


def run(expression: str, given: list[str]) -> list[Any]:
    """Return the value of the JavaScript `expression` for each `text` in `given`."""
    answers: list[Any] = evaluate(_SCRIPT.replace("EXPRESSION", expression), given)
    return answers


def plain(text: str) -> Any:
    """Return the decoded JSON, with its numbers as text."""
    return json.loads(text, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=list)


def test_formatting_preserves_the_json_down_to_its_digits() -> None:
    expression = "[json.pretty(text).parts.map((part) => part[1]).join(''), json.compact(text)]"
    for text, (indented, line) in zip(TEXTS, run(expression, TEXTS), strict=True):
        assert plain(indented) == plain(line) == plain(text)
        assert line.isprintable()
        assert indented.replace("\n", "").isprintable()


def test_base64_is_shown_as_text_if_it_is_utf_8() -> None:
    contents = [rb'"\ud800"', "\ufeffü\U0001f680".encode(), b"", b"\xff"]
    given = [msgspec.json.encode(content).decode() for content in contents]
    assert run("json.textIn(text)", [*given, "3", '"?"']) == [r'"\ud800"', "\ufeffü\U0001f680", "", None, "", None]


# The property Default_Ignorable_Code_Point of Unicode 16, which Python does not have.
IGNORABLE = (
    "ad 34f 61c 115f-1160 17b4-17b5 180b-180f 200b-200f 202a-202e 2060-206f 3164 fe00-fe0f feff ffa0 fff0-fff8"
    " 1bca0-1bca3 1d173-1d17a e0000-e0fff"
)
BLANK = "2800 13441-13442 16fe4 1d159"


def in_ranges(text: str) -> Iterator[str]:
    """Yield every character in these ranges of hexadecimal code points."""
    for one in text.split():
        first, _, last = one.partition("-")
        yield from map(chr, range(int(first, 16), int(last or first, 16) + 1))


def of_categories(names: str) -> set[str]:
    """Return the characters of the first two planes in these general categories."""
    return {chr(code) for code in range(0x20000) if unicodedata.category(chr(code)) in names.split()}


def escaped(character: str) -> str:
    return json.dumps(character).strip('"') if ord(character) > 0x7E else f"\\u{ord(character):04x}"


def test_whatever_is_drawn_as_nothing_or_as_a_blank_is_escaped() -> None:
    hidden = {*of_categories("Cc Cf Co Zl Zp Zs"), *in_ranges(IGNORABLE), *in_ranges(BLANK)} - {" "}
    assert set("\u034f\ufe0f\U000e0041\u2800\u3164\u00a0") <= hidden
    blank = sorted(hidden)
    (shown,) = run("[...JSON.parse(text)].map((one) => json.visible(one))", [json.dumps("".join(blank))])
    assert shown == list(map(escaped, blank))


def test_half_a_surrogate_pair_is_escaped() -> None:
    assert run("json.visible(JSON.parse(text))", [r'"a\ud83d b"']) == [r"a\ud83d b"]


def test_whatever_can_be_seen_stays() -> None:
    drawn = of_categories("Ll Lm Lo Lt Lu Mc Me Mn Nd Nl No Pc Pd Pe Pf Pi Po Ps Sc Sk Sm So")
    text = "".join([" ", *sorted(drawn - {*in_ranges(IGNORABLE), *in_ranges(BLANK)})])
    assert run("json.visible(JSON.parse(text))", [json.dumps(text)]) == [text]


def test_json_is_indented() -> None:
    (indented,) = run("json.pretty(text).parts.map((part) => part[1]).join('')", ['{"a":[1,{}],"b":{"c":[]}}'])
    assert indented == '{\n  "a": [\n    1,\n    {}\n  ],\n  "b": {\n    "c": []\n  }\n}'


def test_long_json_is_cut() -> None:
    text = f"[{'[' * 400}{','.join('1' * 20_000)}{']' * 400}]"
    expression = "(({ parts, cut }) => [cut, parts.reduce((sum, part) => sum + part[1].length, 0)])(json.pretty(text))"
    ((cut, length), (cut_string, string_length)) = run(expression, [text, f'"{"x" * 500_000}"'])
    assert cut
    assert cut_string
    assert length < 500_000
    assert string_length <= 400_000


def test_a_page_is_split_into_its_original_text() -> None:
    page = '{"events":[{"id":"a]\\"}","n":1.10}, {"data":[[],{"x":1e999}]} ],"next":"c","more":false}'
    expression = "[json.items(json.members(text).get('events')), json.stringOf(json.members(text).get('next'))]"
    ((events, next_),) = run(expression, [page])
    assert events == ['{"id":"a]\\"}","n":1.10}', '{"data":[[],{"x":1e999}]}']
    assert next_ == "c"


@pytest.mark.parametrize("text", ["<html>", '{"a"', '{"a":', "[1", '["', '{"a":1,"', "{]"])
def test_invalid_json_does_not_loop_forever(text: str) -> None:
    for expression in ("[...json.members(text)]", "json.items(text)"):
        run(expression, [text])


def test_a_shell_parses_the_commands_as_intended() -> None:
    names = {"id": 'it\'s; $(x) `y` "z" ü/?', "source": "/a b", "inbox": "i", "type": "t'"}
    event = names | {"data": "\x9b31m", "position": "p"}
    lines = "[curl.reading, curl.posting].map((line) => line('http://h', { ...JSON.parse(text), raw: text }))"
    ((read, post),) = run(lines, [msgspec.json.encode(event).decode()])
    assert read.isprintable()
    assert post.isprintable()
    _, _, url, *_ = shlex.split(read)
    assert url == "http://h/v1/events?id=it%27s%3B+%24%28x%29+%60y%60+%22z%22+%C3%BC%2F%3F&inbox=i&source=%2Fa+b"
    *_, body = shlex.split(post)
    assert msgspec.json.decode(body) == {name: value for name, value in event.items() if name != "position"}


def test_no_command_for_an_event_that_is_too_large() -> None:
    text = msgspec.json.encode({"id": "i", "data": "x" * 120_000}).decode()
    assert run("curl.posting('http://h', { raw: text })", [text]) == [None]
