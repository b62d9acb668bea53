"""What a server tells of how it fares, as Prometheus reads it: never whose words they were.

What an answer shows as it passes is counted here; what the engine counts is fetched when somebody
asks. Knows events and counts; knows no dialect. Source: Prometheus' text format 0.0.4.
"""

import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ossia.base.errors import OssiaError
from ossia.chat import Citation, Done, Event, Failed, Reasoning, Text, ToolCall
from ossia.engine import Engine

_COUNTS = {
    "num_requests": "Requests taken",
    "prompt_tokens": "Tokens of prompts that began",
    "cached_tokens": "Those of them that were known",
    "output_tokens": "Tokens made",
    "forced_tokens": "Those of them without a choice",
    "draft_tokens": "Tokens guessed",
    "accepted_tokens": "Those of them that came",
    "num_steps": "Passes through the model",
    "step_tokens": "Tokens run in them",
    "num_preempted": "Conversations that gave up their pages for others",
    "num_evicted": "Pages given up",
    "num_restored": "Pages read from disk",
}

_GAUGES = {
    "running": "Requests under way",
    "waiting": "Requests that wait for that",
    "pages": "Pages of the KV cache",
    "pages_used": "Those of them that requests under way hold",
    "pages_cached": "Those of them that may serve again",
}

_FIRST = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
_BETWEEN = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """Of one server, from its start on."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._first = Histogram(
            "ossia_time_to_first_token_seconds",
            "From the question to the first piece of the answer, waiting included",
            ["model"],
            buckets=_FIRST,
            registry=registry,
        )
        self._between = Histogram(
            "ossia_time_between_tokens_seconds",
            "From one piece of an answer to the next",
            ["model"],
            buckets=_BETWEEN,
            registry=registry,
        )
        self._repairs = Counter(
            "ossia_repairs",
            "What was mended in a model's output",
            ["model", "repair"],
            registry=registry,
        )
        self._loops = Counter(
            "ossia_loops_broken",
            "Reasoning that went in circles and was ended for it",
            ["model"],
            registry=registry,
        )
        self._failures = Counter(
            "ossia_failures", "Answers that failed", ["model", "error"], registry=registry
        )

    async def observed(
        self, name: str, events: AsyncGenerator[Event, None]
    ) -> AsyncGenerator[Event, None]:
        """The same events, seen as they pass; closing this closes them."""
        watch = self.watch(name)
        async with aclosing(events):
            async for event in events:
                match event:
                    case Reasoning() | Text() | Citation() | ToolCall():
                        watch.note_piece()
                    case Done():
                        self._loops.labels(name).inc(event.num_loops)
                        for repair in event.repairs:
                            self._repairs.labels(name, str(repair)).inc()
                    case Failed(error):
                        watch.note_failure(error)
                yield event

    def watch(self, name: str) -> "Watch":
        """Counts one answer of a model that is asked for now."""
        return Watch(
            self._first.labels(name),
            self._between.labels(name),
            lambda error: self._failures.labels(name, type(error).__name__).inc(),
        )

    def text(self, engines: Iterable[tuple[str, Mapping[str, float]]]) -> bytes:
        """All of it as text.

        Args:
            engines: what ``counts_of`` found, of each model by name.
        """
        now = CollectorRegistry()
        now.register(_Engines(list(engines)))
        return generate_latest(self._registry) + generate_latest(now)


class Watch:
    """When the pieces of one answer come, and whether it fails."""

    def __init__(
        self, first: Histogram, between: Histogram, failed: Callable[[OssiaError], None]
    ) -> None:
        self._next, self._between, self._failed = first, between, failed
        self._before = time.perf_counter()

    def note_piece(self) -> None:
        """A piece is here."""
        now = time.perf_counter()
        self._next.observe(now - self._before)
        self._next, self._before = self._between, now

    def note_failure(self, error: OssiaError) -> None:
        """Nothing more will come."""
        self._failed(error)

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Notes the failure of what is done within."""
        try:
            yield
        except OssiaError as error:
            self.note_failure(error)
            raise


def counts_of(engine: Engine) -> dict[str, float]:
    """What an engine has done and how it stands, for whoever looks between two steps."""
    counts = {name: float(getattr(engine.metrics, name)) for name in _COUNTS}
    counts |= {f"ends:{end}": float(count) for end, count in engine.metrics.ends.items()}
    full, num_idle = engine.cache.full, engine.cache.prefixes.num_idle
    return counts | {
        "running": engine.num_running,
        "waiting": engine.num_waiting,
        "pages": full.num_pages,
        "pages_used": full.num_pages - full.num_free - num_idle,
        "pages_cached": num_idle,
    }


class _Engines(Collector):
    """What was found in the engines."""

    def __init__(self, engines: list[tuple[str, Mapping[str, float]]]) -> None:
        self._engines = engines

    def collect(self) -> Iterator[Metric]:
        """The families, each with a line a model."""
        for name, text in _COUNTS.items():
            counter = CounterMetricFamily(f"ossia_{name}", text, labels=["model"])
            for model, counts in self._engines:
                counter.add_metric([model], counts[name])
            yield counter
        for name, text in _GAUGES.items():
            gauge = GaugeMetricFamily(f"ossia_{name}", text, labels=["model"])
            for model, counts in self._engines:
                gauge.add_metric([model], counts[name])
            yield gauge
        ends = CounterMetricFamily("ossia_ends", "How requests ended", labels=["model", "end"])
        for model, counts in self._engines:
            for name, count in counts.items():
                if name.startswith("ends:"):
                    ends.add_metric([model, name.removeprefix("ends:")], count)
        yield ends
