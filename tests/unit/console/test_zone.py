import pytest

from tests.unit.console.node import evaluate

_NONE = "\N{EN DASH}"
_FORMATS = """
const zone = await import("FOLDER/zone.js");
const ms = Date.parse("2026-03-29T00:30:00.042Z");  // half an hour before the clocks of Berlin change
const shown = (one) => [zone.offset(one), zone.stamp(one), zone.fromInput(zone.toInput(one)) - one];
answer = [ms, ms + 3_600_000].map(shown);
"""


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("UTC", [["UTC", "2026-03-29 00:30:00.042 UTC", -42], ["UTC", "2026-03-29 01:30:00.042 UTC", -42]]),
        (
            "Europe/Berlin",
            [["UTC+1", "2026-03-29 01:30:00.042 UTC+1", -42], ["UTC+2", "2026-03-29 03:30:00.042 UTC+2", -42]],
        ),
        (
            "America/St_Johns",
            [
                ["UTC-2:30", "2026-03-28 22:00:00.042 UTC-2:30", -42],
                ["UTC-2:30", "2026-03-28 23:00:00.042 UTC-2:30", -42],
            ],
        ),
    ],
)
def test_a_time_is_shown_with_the_offset_that_it_had(name: str, shown: list[list[object]]) -> None:
    assert evaluate(_FORMATS, environment={"TZ": name}) == shown


def test_another_day_is_shown_with_its_date_and_what_is_no_time_as_a_dash() -> None:
    script = """
const { clock, roughly, span, stamp } = await import("FOLDER/zone.js");
const today = new Date(); today.setHours(10, 2, 3, 4);
answer = [
  clock(today.getTime()), clock(Date.parse("2020-02-03T04:05:06.700Z")), clock(NaN), stamp(NaN),
  span(9999).join(" "), span(12_345).join(" "), roughly(59_999), roughly(7_300_000), roughly(-5), roughly(200_000_000),
];
"""
    assert evaluate(script, environment={"TZ": "UTC"}) == [
        *("10:02:03.004", "02-03 04:05:06", _NONE, _NONE),
        *("9,999 ms", "12.3 s", "59 s", "2 h", "0 s", "2 d"),
    ]
