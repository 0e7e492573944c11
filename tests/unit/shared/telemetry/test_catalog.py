"""The list of what is counted, as a list."""

import re

from shared.telemetry.catalog import Metrics
from shared.telemetry.instruments import Family, Histogram

FAMILIES = Metrics().families


def test_names_are_valid_in_prometheus_and_have_our_prefix() -> None:
    names = [family.name for family in FAMILIES]
    assert len(set(names)) == len(names)
    for family in FAMILIES:
        assert re.fullmatch(r"triggers(_[a-z]+)+", family.name)
        assert family.name.endswith("_total") == (family.kind == "counter")
        assert family.meaning
        assert "|" not in family.meaning  # it becomes a cell of a table


def test_labels_have_few_values_and_none_that_could_name_a_customer() -> None:
    for family in FAMILIES:
        assert family.labels.keys() <= {"method", "route", "status", "limit", "reason", "outcome", "action"} | {
            "result",
            "queue",
            "read",
            "source",
            "scheme",
        }
        assert all(0 < len(values) <= 20 for values in family.labels.values())


def test_buckets_are_in_order() -> None:
    for family in FAMILIES:
        measure = family.of(*(values[0] for values in family.labels.values()))
        if isinstance(measure, Histogram):
            assert list(measure.bounds) == sorted(set(measure.bounds))


def test_every_metric_has_an_attribute_of_its_own() -> None:
    metrics = Metrics()
    assert [family for family in vars(metrics).values() if isinstance(family, Family)] == metrics.families
