"""Every metric fairgate exports, in one place; docs/metrics.md says what each is for.

No label takes a value that a caller chooses: each has a closed set, of this module or of the configuration, and any
other value is counted as `other`.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from typing_extensions import override

from indexes.model import Detector, Kind
from policies.model import Mode
from proxy.ledger.record import ChoiceRecord, Outcome

Stage: TypeAlias = Literal[
    "upstream_first_byte", "verbatim", "near", "semantic", "image", "policy", "rewrite", "ledger"
]
FailureStage: TypeAlias = Literal[
    "request", "upstream", "wire", "index", "verbatim", "near", "semantic", "image", "policy", "rewrite", "ledger"
]
Handling: TypeAlias = Literal["closed", "open"]
Reloaded: TypeAlias = Literal["policy", "index", "config"]
ReloadResult: TypeAlias = Literal["changed", "failed"]
RewriteResult: TypeAlias = Literal["clean", "still_copied", "failed", "quoted", "blocked"]

OTHER = "other"
ROUTES = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/messages",
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/images/variations",
    "/v1/fairgate/check",
)
_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CHARS = (0.0, 16.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0, 16384.0, 65536.0)


class Metrics:
    """The metrics of one process, on a registry of their own.

    `tenants` and `policies` are the names the configuration knows. With `shared`, the folder that the processes of one
    server write their values to (PROMETHEUS_MULTIPROC_DIR, set before prometheus_client is imported), an exposition
    sums up all of them.
    """

    def __init__(
        self,
        tenants: Collection[str] = ("default",),
        policies: Collection[str] = (),
        routes: Collection[str] = ROUTES,
        shared: Path | None = None,
    ) -> None:
        self._registry = CollectorRegistry()
        self._shared = shared
        self._tenants, self._policies, self._routes = set(tenants), set(policies), set(routes)
        self._requests()
        self._decisions()
        self._times()
        self._states()
        self._begin_at_zero()

    def know(self, tenants: Iterable[str] = (), policies: Iterable[str] = (), routes: Iterable[str] = ()) -> None:
        """Accept more names, as a changed configuration brings them."""
        self._tenants.update(tenants)
        self._policies.update(policies)
        self._routes.update(routes)

    def exposition(self) -> tuple[bytes, str]:
        """All metrics in Prometheus's text format, and its content type."""
        registry = self._registry
        if self._shared is not None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, path=str(self._shared))  # type: ignore[no-untyped-call]  # theirs has none
        return generate_latest(_Lean(registry)), CONTENT_TYPE_PLAIN_0_0_4

    def request(self, route: str, tenant: str, *, stream: bool, outcome: Outcome) -> None:
        """A request ended."""
        self.requests_total.labels(
            _of(route, self._routes), _of(tenant, self._tenants), str(stream).lower(), _of(outcome, get_args(Outcome))
        ).inc()

    def choice(self, record: ChoiceRecord) -> None:
        """A choice (or image) was judged: counts its verdict and each of its matches."""
        self.decisions_total.labels(
            _of(record.verdict.policy.partition("@")[0], self._policies),
            _of(record.kind, get_args(Kind)),
            _of(record.mode, get_args(Mode)),
            record.verdict.action.value,
            record.applied.value,
        ).inc()
        for judged in record.verdict.matches:
            self.match(judged.match.detector, judged.match.work.kind)

    def match(self, detector: Detector, kind: Kind) -> None:
        """A copied place was reported."""
        self.matches_total.labels(_of(detector, get_args(Detector)), _of(kind, get_args(Kind))).inc()

    def failure(self, stage: FailureStage, handling: Handling) -> None:
        """Something could not be done; `open` says that the answer left unjudged, `closed` that it did not leave."""
        self.failures_total.labels(_of(stage, get_args(FailureStage)), _of(handling, get_args(Handling))).inc()

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Measure what is done inside as one stage of one request, whether or not it succeeds."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.stage_took(name, time.perf_counter() - started)

    def stage_took(self, name: Stage, seconds: float) -> None:
        """A stage took this long in one request, all its parts together."""
        self._stage[_of(name, get_args(Stage))].observe(seconds)

    def added_latency(self, route: str, mode: Mode, seconds: float) -> None:
        """An answer was later by this much than upstream's would have been without us."""
        self.added_latency_seconds.labels(_of(route, self._routes), _of(mode, get_args(Mode))).observe(seconds)

    def held(self, chars: int) -> None:
        """The most that was held back at any time in one answer, in code points."""
        self.held_chars.observe(chars)

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """A stream runs while inside."""
        self.streams_in_flight.inc()
        try:
            yield
        finally:
            self.streams_in_flight.dec()

    def rewrite_try(self, result: RewriteResult) -> None:
        """The rewriter was asked once, with this result."""
        self.rewrite_tries_total.labels(_of(result, get_args(RewriteResult))).inc()

    def index_opened(self, works: Mapping[Kind, int], size: int, built: datetime) -> None:
        """This index is now judged against: works by kind, bytes on disk, when it was built (aware)."""
        for kind in get_args(Kind):
            self.index_works.labels(kind).set(works.get(kind, 0))
        self.index_bytes.set(size)
        self.index_built_timestamp_seconds.set(built.timestamp())

    def reloaded(self, what: Reloaded, result: ReloadResult) -> None:
        """A changed file was taken over, or could not be and the old one stays in force."""
        self.reloads_total.labels(_of(what, get_args(Reloaded)), _of(result, get_args(ReloadResult))).inc()

    def dropped_field(self, route: str, count: int = 1) -> None:
        """Fields of upstream's answer that no table lists did not leave."""
        self.dropped_fields_total.labels(_of(route, self._routes)).inc(count)

    def tokens_filtered(self, tokens: int) -> None:
        """Tokens that upstream generated and no client received."""
        self.tokens_filtered_total.inc(tokens)

    def semantic_waited(self, seconds: float) -> None:
        """Text waited this long for a slow detector."""
        self.semantic_wait_seconds.observe(seconds)

    def reviews(self, number: int) -> None:
        """So many reviews are open."""
        self.reviews_open.set(number)

    def queued(self, number: int) -> None:
        """So many rows wait to be written to the ledger."""
        self.ledger_queue.set(number)

    def unrecorded(self, number: int) -> None:
        """Decisions whose answer had left could not be written to the ledger: counted as failures handled open."""
        self.failures_total.labels("ledger", "open").inc(number)

    def _requests(self) -> None:
        registry = self._registry
        self.requests_total = Counter(
            "fairgate_requests_total",
            "Requests that ended, by how they ended.",
            ["route", "tenant", "stream", "outcome"],
            registry=registry,
        )
        self.failures_total = Counter(
            "fairgate_failures_total",
            "What could not be done; open: the answer left unjudged, closed: it did not leave.",
            ["stage", "handling"],
            registry=registry,
        )
        self.dropped_fields_total = Counter(
            "fairgate_dropped_fields_total",
            "Fields of upstream's answers dropped because no table lists them.",
            ["surface"],
            registry=registry,
        )
        self.tokens_filtered_total = Counter(
            "fairgate_tokens_filtered_total", "Tokens generated that no client received.", registry=registry
        )

    def _decisions(self) -> None:
        registry = self._registry
        self.decisions_total = Counter(
            "fairgate_decisions_total",
            "Verdicts, one a choice or image; action is the verdict's, applied what was done.",
            ["policy", "kind", "mode", "action", "applied"],
            registry=registry,
        )
        self.matches_total = Counter(
            "fairgate_matches_total", "Copied places reported.", ["detector", "kind"], registry=registry
        )
        self.rewrite_tries_total = Counter(
            "fairgate_rewrite_tries_total", "Times the rewriter was asked.", ["result"], registry=registry
        )

    def _times(self) -> None:
        registry = self._registry
        self.stage_seconds = Histogram(
            "fairgate_stage_seconds",
            "Time one stage took in one request.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._stage = {name: self.stage_seconds.labels(name) for name in (*get_args(Stage), OTHER)}
        self.added_latency_seconds = Histogram(
            "fairgate_added_latency_seconds",
            "Latency that fairgate alone added to an answer.",
            ["route", "mode"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.semantic_wait_seconds = Histogram(
            "fairgate_semantic_wait_seconds",
            "Time text waited for slow detectors.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.held_chars = Histogram(
            "fairgate_held_chars",
            "Most code points held back at any time in one answer.",
            buckets=_CHARS,
            registry=registry,
        )

    def _states(self) -> None:
        self.streams_in_flight = self._gauge("streams_in_flight", "Streams that run now.", "livesum")
        self.index_works = Gauge(
            "fairgate_index_works",
            "Works in the index judged against.",
            ["kind"],
            multiprocess_mode="mostrecent",
            registry=self._registry,
        )
        self.index_bytes = self._gauge("index_bytes", "Bytes of the index on disk.", "mostrecent")
        self.index_built_timestamp_seconds = self._gauge(
            "index_built_timestamp_seconds", "When the index was built, in seconds since 1970.", "mostrecent"
        )
        self.reloads_total = Counter(
            "fairgate_reloads_total",
            "Changed files taken over, or refused with the old one left in force.",
            ["what", "result"],
            registry=self._registry,
        )
        self.reviews_open = self._gauge("reviews_open", "Reviews that wait for someone.", "mostrecent")
        self.ledger_queue = self._gauge("ledger_queue", "Rows that wait to be written to the ledger.", "livesum")

    def _gauge(self, name: str, says: str, mode: Literal["livesum", "mostrecent"]) -> Gauge:
        return Gauge(f"fairgate_{name}", says, multiprocess_mode=mode, registry=self._registry)

    def _begin_at_zero(self) -> None:
        """Series that exist before their first event, so that `rate()` sees it and an alert on absence does not."""
        for stage in get_args(FailureStage):
            for handling in get_args(Handling):
                self.failures_total.labels(stage, handling)
        for what in get_args(Reloaded):
            for result in get_args(ReloadResult):
                self.reloads_total.labels(what, result)
        for result in get_args(RewriteResult):
            self.rewrite_tries_total.labels(result)
        for kind in get_args(Kind):
            self.index_works.labels(kind)
            for detector in get_args(Detector):
                self.matches_total.labels(detector, kind)
        for route in self._routes:
            self.dropped_fields_total.labels(route)


class _Lean(Collector):
    """A registry's metrics without the `_created` series, which no one asks for and which double the counters."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    @override
    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


def _of(value: str, known: Collection[str]) -> str:
    return value if value in known else OTHER
