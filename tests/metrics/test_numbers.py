"""The table of metrics, and the numbers behind it."""

import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from flextell.metrics import REQUESTS, STORE_GROUP, TABLE, TOKENS_ISSUED, Answers, Metric, Metrics
from tests.metrics.measured import Measured

# https://prometheus.io/docs/practices/naming/: one unit, a base unit, in the name.
UNITS = ("seconds", "units", "length", "size", "workers")


@pytest.mark.parametrize("metric", TABLE, ids=lambda metric: metric.name)
def test_names_are_as_prometheus_wants_them(metric: Metric) -> None:
    assert re.fullmatch(r"flextell(_[a-z]+)+", metric.name)
    assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket", "_milliseconds"))
    assert metric.kind == "counter" or metric.name.endswith(UNITS)
    assert all(re.fullmatch(r"[a-z_]+", label) and label != "le" for label in metric.labels)
    assert re.fullmatch(r"[A-Z].*\.", metric.help)


def test_no_name_is_given_twice() -> None:
    assert len({metric.name for metric in TABLE}) == len(TABLE)


def test_counters_histograms_and_gauges_read_as_they_were_written() -> None:
    metrics = Metrics()
    queue = [1, 2, 3]
    metrics.count(TOKENS_ISSUED, "refresh_token")
    metrics.count(TOKENS_ISSUED, "refresh_token", by=2)
    for units in (1, 2, 3, 500):
        metrics.histogram(STORE_GROUP).observe(units)
    metrics.gauge(REQUESTS, lambda: len(queue), "/", "2xx")
    measured = Measured(metrics)

    assert measured.now("flextell_tokens_issued_total", grant_type="refresh_token") == 3
    buckets = {
        bound: measured.now("flextell_store_commit_units_bucket", le=bound)
        for bound in ("1.0", "2.0", "4.0", "128.0", "+Inf")
    }
    assert buckets == {"1.0": 1, "2.0": 2, "4.0": 3, "128.0": 3, "+Inf": 4}
    assert measured.now("flextell_store_commit_units_count") == 4
    assert measured.now("flextell_store_commit_units_sum") == 506
    queue.pop()
    assert measured.now("flextell_requests", endpoint="/", status="2xx") == 2


def test_prometheus_reads_every_line_of_it() -> None:
    metrics = Metrics()
    Answers(metrics, '/a "quoted" \\ path\n').answered(200, 0.003)
    registry = CollectorRegistry()
    registry.register(metrics)

    text = generate_latest(registry).decode()
    read: dict[str, Any] = {f.name: f for f in text_string_to_metric_families(text)}

    assert read["flextell_requests"].type == "counter"
    assert read["flextell_request_duration_seconds"].type == "histogram"
    (counted,) = read["flextell_requests"].samples
    assert counted.labels == {"endpoint": '/a "quoted" \\ path\n', "status": "2xx"}


def test_what_needs_no_label_is_counted_from_zero() -> None:
    """Prometheus sees no increase in a line that appears with its first value."""
    counted = {family.name: family.samples[0].value for family in Metrics().collect()}

    assert counted == {
        "flextell_store_unavailable": 0,
        "flextell_swept_rows": 0,
        "flextell_worker_restarts": 0,
    }


def test_an_endpoint_never_asked_has_no_line() -> None:
    metrics = Metrics()
    answers = Answers(metrics, "/oauth/token")
    before = {family.name for family in metrics.collect()}

    answers.answered(503, 5.0)
    assert {family.name for family in metrics.collect()} - before == {
        "flextell_requests",
        "flextell_request_duration_seconds",
    }
