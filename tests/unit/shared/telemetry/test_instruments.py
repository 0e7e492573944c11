import pytest

from shared.telemetry.instruments import Counter, Family, Gauge, Histogram


def test_a_counter_counts_one_or_more() -> None:
    counter = Counter()
    counter.add()
    counter.add(2)
    assert counter.value == 3


def test_a_gauge_is_not_known_until_it_is_set_or_read() -> None:
    gauge = Gauge()
    assert gauge.read() is None
    gauge.value = 2
    assert gauge.read() == 2
    gauge.read = lambda: 7
    assert gauge.read() == 7


def test_a_histogram_puts_a_value_at_a_bound_below_it_and_one_past_all_bounds_last() -> None:
    histogram = Histogram((1, 5))
    for value in (0.5, 1, 5, 6):
        histogram.observe(value)
    histogram.observe(2, 3)
    assert histogram.counts == [2, 4, 1]
    assert histogram.sums == [1.5, 11, 6]


def test_a_family_has_one_measure_for_each_combination_of_values() -> None:
    family = Family(Counter, "x_total", "", {"a": ("1", "2"), "b": ("3",)})
    family.of("1", "3").add()
    assert family.of("1", "3").value == 1
    assert family.of("2", "3").value == 0
    assert [values for values, _ in family.all()] == [("1", "3"), ("2", "3")]
    assert family.kind == "counter"


@pytest.mark.parametrize("values", [("acme",), (), ("1", "1")])
def test_a_family_has_no_measure_for_values_that_it_does_not_know(values: tuple[str, ...]) -> None:
    family = Family(Counter, "x_total", "", {"a": ("1",)})
    with pytest.raises(ValueError, match=r"."):
        family.of(*values)
    assert family.all() == []


@pytest.mark.parametrize(("name", "unit"), [("x_seconds", "seconds"), ("x_bytes", "bytes"), ("x_total", "")])
def test_the_end_of_a_name_is_its_unit(name: str, unit: str) -> None:
    assert Family(Gauge, name, "", {}).unit == unit
