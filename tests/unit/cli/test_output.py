import pytest

from cli.output import span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0s"), (0, "0s"), (59, "59s"), (60, "1m"), (7199, "1h"), (86_400, "1d"), (900_000, "10d")],
)
def test_a_span_in_its_largest_unit(seconds: int, text: str) -> None:
    assert span(seconds) == text
