"""Every metric of a node: its name, its labels, what it says; and the numbers themselves.

They are plain numbers without a lock, each changed by one thread only, so that the request path
pays next to nothing; Prometheus gets them when it asks. No label ever holds what a stranger can
choose: no client's id, no address, no path but those of our own tables.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from prometheus_client.core import Metric as Family

MILLISECONDS_TO_SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0),
)
POWERS_OF_TWO = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


# Compared by identity: it is the key under which every request looks up its numbers.
@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """A name that Prometheus knows, without the `_total` of counters; what it says; its labels."""

    kind: Literal["counter", "gauge", "histogram"]
    name: str
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = MILLISECONDS_TO_SECONDS


REQUESTS = Metric(
    "counter",
    "flextell_requests",
    "Requests answered, by the path in our tables and the class of the status.",
    ("endpoint", "status"),
)
REQUEST_SECONDS = Metric(
    "histogram",
    "flextell_request_duration_seconds",
    "From a request's head to its whole answer.",
    ("endpoint",),
)
TOKENS_ISSUED = Metric(
    "counter", "flextell_tokens_issued", "Answers that held an access token.", ("grant_type",)
)
REFUSALS = Metric(
    "counter", "flextell_refusals", "Requests that were told no, by the error code.", ("error",)
)
REPLAYS = Metric(
    "counter",
    "flextell_replays",
    "Codes and refresh tokens used again, each of which ended its grant.",
    ("reason",),
)
SIGN_INS = Metric(
    "counter",
    "flextell_sign_ins",
    "Tries to sign in: `succeeded`, `failed`, `throttled`, or `turned_away` in a storm.",
    ("outcome",),
)
HASHES_WAITING = Metric(
    "gauge", "flextell_password_hash_queue_length", "Passwords being hashed or waiting for it."
)
STORE_QUEUE = Metric(
    "gauge", "flextell_store_queue_length", "Units of work waiting for the writer or a connection."
)
STORE_WAIT = Metric(
    "histogram",
    "flextell_store_wait_seconds",
    "How long a unit of work waited for the writer (SQLite) or a connection (PostgreSQL).",
)
STORE_COMMIT = Metric(
    "histogram", "flextell_store_commit_duration_seconds", "From the begin of a transaction to "
    "the end of its commit.",
)  # fmt: skip
STORE_GROUP = Metric(
    "histogram", "flextell_store_commit_units", "Units of work that one commit kept.", (),
    POWERS_OF_TWO,
)  # fmt: skip
STORE_UNAVAILABLE = Metric(
    "counter", "flextell_store_unavailable", "Units of work that the database could not do."
)
FEED_AGE = Metric(
    "gauge", "flextell_revocation_feed_age_seconds", "Since the news of revocations was last read."
)
FEED_SIZE = Metric(
    "gauge", "flextell_revocation_feed_size", "Revoked grants and tokens held in memory."
)
TOKENS_VERIFIED = Metric(
    "counter",
    "flextell_token_verifications",
    "Access tokens judged: `remembered` from before, `verified` by signature, or `refused`.",
    ("outcome",),
)
SWEPT = Metric("counter", "flextell_swept_rows", "Expired rows that this node deleted.")
DELIVERIES = Metric(
    "counter",
    "flextell_deliveries",
    "Tries to deliver to a webhook: `done`, `again` later, `failed` for good, or `gone` (410).",
    ("outcome",),
)
DELIVERIES_UNDER_WAY = Metric(
    "gauge", "flextell_delivery_queue_length", "Deliveries on their way to a webhook."
)
KEY_AGE = Metric(
    "gauge",
    "flextell_signing_key_age_seconds",
    "Since the key that signs now began to.",
    ("purpose",),
)
WORKERS = Metric("gauge", "flextell_workers", "Workers that are ready; only with several.")
WORKER_RESTARTS = Metric(
    "counter", "flextell_worker_restarts", "Workers started in place of one that died."
)

TABLE: tuple[Metric, ...] = (
    *(REQUESTS, REQUEST_SECONDS, TOKENS_ISSUED, REFUSALS, REPLAYS, SIGN_INS, TOKENS_VERIFIED),
    *(HASHES_WAITING, STORE_QUEUE, STORE_WAIT, STORE_COMMIT, STORE_GROUP, STORE_UNAVAILABLE),
    *(FEED_AGE, FEED_SIZE, SWEPT, DELIVERIES, DELIVERIES_UNDER_WAY, KEY_AGE),
    *(WORKERS, WORKER_RESTARTS),
)

# The endpoint of requests to addresses that are not in our tables.
ELSEWHERE = "elsewhere"

Labels = tuple[str, ...]
Key = tuple[Metric, Labels]


class Count:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


class Histogram:
    """How many values fell up to each bound, and their sum."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """It took, or was, so much."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value


class Metrics:
    """The numbers of one node. Prometheus-client calls such a thing a collector."""

    def __init__(self) -> None:
        self._counts: dict[Key, Count] = {}
        self._histograms: dict[Key, Histogram] = {}
        self._gauges: dict[Key, Callable[[], float]] = {}
        # A line that only appears with the first time hides that time from `rate` and `increase`.
        for metric in TABLE:
            if metric.kind == "counter" and not metric.labels:
                self.counter(metric)

    def counter(self, metric: Metric, *labels: str) -> Count:
        """The number itself: for the request path, which looks it up once."""
        key = metric, labels
        found = self._counts.get(key)
        if found is None:
            found = self._counts[key] = Count()
        return found

    def histogram(self, metric: Metric, *labels: str) -> Histogram:
        """The same for what has a distribution."""
        return self._histograms.setdefault((metric, labels), Histogram(metric.bounds))

    def count(self, metric: Metric, *labels: str, by: int = 1) -> None:
        """It happened once more, or `by` times."""
        self.counter(metric, *labels).value += by

    def gauge(self, metric: Metric, value: Callable[[], float], *labels: str) -> None:
        """It is whatever `value()` says when Prometheus asks."""
        self._gauges[metric, labels] = value

    def collect(self) -> Iterator[Family]:
        """Everything, in the order of the table; what has no number yet is left out."""
        families = {metric: Family(metric.name, metric.help, metric.kind) for metric in TABLE}
        for (metric, labels), count in self._counts.items():
            _add(families[metric], "_total", metric, labels, count.value)
        for (metric, labels), histogram in self._histograms.items():
            _add_histogram(families[metric], metric, labels, histogram)
        for (metric, labels), value in self._gauges.items():
            _add(families[metric], "", metric, labels, value())
        return (family for family in families.values() if family.samples)


def _add(family: Family, suffix: str, metric: Metric, labels: Labels, value: float) -> None:
    family.add_sample(metric.name + suffix, dict(zip(metric.labels, labels, strict=True)), value)


def _add_histogram(family: Family, metric: Metric, labels: Labels, histogram: Histogram) -> None:
    named = dict(zip(metric.labels, labels, strict=True))
    up_to = [*map(str, metric.bounds), "+Inf"]
    for bound, count in zip(up_to, accumulate(histogram.counts), strict=True):
        family.add_sample(f"{metric.name}_bucket", {**named, "le": bound}, count)
    family.add_sample(f"{metric.name}_count", named, sum(histogram.counts))
    family.add_sample(f"{metric.name}_sum", named, histogram.sum)


class Answers:
    """The answers of one endpoint, counted and timed; of one never asked there is no line."""

    __slots__ = ("_endpoint", "_metrics", "_numbers")

    def __init__(self, metrics: Metrics, endpoint: str) -> None:
        self._metrics = metrics
        self._endpoint = endpoint
        self._numbers: dict[int, tuple[Count, Histogram]] = {}

    def answered(self, status: int, seconds: float) -> None:
        """A request got its answer."""
        count, times = self._numbers.get(status // 100) or self._first(status // 100)
        count.value += 1
        times.observe(seconds)

    def _first(self, kind: int) -> tuple[Count, Histogram]:
        count = self._metrics.counter(REQUESTS, self._endpoint, f"{kind}xx")
        times = self._metrics.histogram(REQUEST_SECONDS, self._endpoint)
        self._numbers[kind] = count, times
        return count, times


class StoreWatch:
    """What a store tells of its own work (`store.watch.Watch`), kept as metrics."""

    def __init__(self, metrics: Metrics) -> None:
        # A unit of work begins after so many seconds. Itself, for it is called for each of them.
        self.waited = metrics.histogram(STORE_WAIT).observe
        self._groups = metrics.histogram(STORE_GROUP)
        self._commits = metrics.histogram(STORE_COMMIT)
        self._failures = metrics.counter(STORE_UNAVAILABLE)

    def committed(self, units: int, seconds: float) -> None:
        """So many units of work were kept by one commit."""
        self._groups.observe(units)
        self._commits.observe(seconds)

    def unavailable(self) -> None:
        """A unit of work could not be done."""
        self._failures.value += 1
