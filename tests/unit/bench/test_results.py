import pytest

from bench.results import Samples, Sense, alternate, percentile, row


def _samples(*values: float) -> Samples:
    return Samples(values=list(values), unit="x")


def test_sides_are_measured_in_turn() -> None:
    order: list[str] = []

    def side(name: str, value: float) -> float:
        order.append(name)
        return value

    found = alternate({"a": lambda: side("a", 1), "b": lambda: side("b", 2)}, 2, "x")
    assert order == ["a", "b", "a", "b"]
    assert found == {"a": _samples(1, 1), "b": _samples(2, 2)}


@pytest.mark.parametrize(("sense", "goal", "met"), [("at least", 2.0, True), ("at least", 2.1, False)])
def test_medians_are_compared_with_the_goal(sense: Sense, goal: float, met: bool) -> None:  # noqa: FBT001
    found = row("n", "w", ours=_samples(1, 4, 9), theirs=_samples(2, 2, 3), sense=sense, goal=goal)
    assert (found.ratio, found.met) == (2, met)


def test_without_another_side_the_value_itself_is_compared() -> None:
    assert row("n", "w", ours=_samples(5), sense="at most", goal=5).met
    assert row("n", "w", ours=_samples(5)).met is None


def test_nothing_is_compared_with_a_side_that_did_nothing() -> None:
    with pytest.raises(ZeroDivisionError):
        row("n", "w", ours=_samples(5), theirs=_samples(0))


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([], 99) == 0
    assert percentile([1, 2, 3, 4], 50) == 3
    assert percentile([1, 2, 3, 4], 99) == 4
