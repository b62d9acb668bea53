"""Counts of answers that nano really gave, read back by Prometheus' own parser."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ossia.base.errors import BusyError
from ossia.chat import Demands, Done, Event, Failed, Reason, Settings, Terms, Text, Timings, Usage
from ossia.harmony import Developer, System, User
from ossia.server.asked import Asked
from ossia.server.context import ServerContext
from ossia.server.metrics import Metrics, counts_of
from ossia.server.models import LocalModels


def read(text: bytes) -> dict[tuple, float]:
    """Samples by name and labels."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


async def through(metrics: Metrics, name: str, *events: Event) -> list[Event]:
    async def given() -> AsyncGenerator[Event, None]:
        for event in events:
            yield event

    return [event async for event in metrics.observed(name, given())]


def test_an_answer_is_counted_as_it_passes() -> None:
    async def work():
        models = LocalModels({}, context=2048)
        context = ServerContext(models)
        messages = (System(), Developer(), User("What is 27 + 58?"))
        asked = Asked(messages, Settings(seed=1), Demands(), Terms())
        async with models.lease("nano") as model:
            events = [event async for event in context.answer(model, asked)]
            plain = [event async for event in model.arespond(messages, asked.settings)]
            counts = await asyncio.wrap_future(model.service.inspect(counts_of))
        await models.aclose(0)
        return events, plain, read(context.metrics.text([("nano", counts)]))

    events, plain, found = asyncio.run(work())
    said = [event for event in events if not isinstance(event, Done)]
    assert said == [event for event in plain if not isinstance(event, Done)]
    model = ("model", "nano")
    assert found["ossia_time_to_first_token_seconds_count", model] == 1
    assert found["ossia_time_between_tokens_seconds_count", model] == len(said) - 1
    assert found["ossia_num_requests_total", model] == 2
    assert found["ossia_ends_total", ("end", "stop"), model] == 2
    assert found["ossia_cached_tokens_total", model] > 0
    assert found["ossia_running", model] == found["ossia_waiting", model] == 0
    assert found["ossia_pages", model] > found["ossia_pages_cached", model] > 0
    done = events[-1]
    assert found["ossia_output_tokens_total", model] >= done.usage.completion_tokens


def test_what_was_mended_and_what_failed_has_names() -> None:
    done = Done(Reason.STOP, Usage(1, 1, 0), Timings(0, 0), ("a", "b"), (), 0, num_loops=3)
    metrics = Metrics()

    async def work():
        assert await through(metrics, "x", Text("a"), done) == [Text("a"), done]
        await through(metrics, "x", Text("a"), done)
        await through(metrics, "y", Failed(BusyError("too many")))

    asyncio.run(work())
    found = read(metrics.text([]))
    assert found["ossia_repairs_total", ("model", "x"), ("repair", "a")] == 2
    assert found["ossia_repairs_total", ("model", "x"), ("repair", "b")] == 2
    assert found["ossia_loops_broken_total", ("model", "x")] == 6
    assert found["ossia_failures_total", ("error", "BusyError"), ("model", "y")] == 1


def test_closing_what_is_observed_stops_the_answer() -> None:
    is_closed = False

    async def endless() -> AsyncGenerator[Event, None]:
        nonlocal is_closed
        try:
            while True:
                yield Text("a")
        finally:
            is_closed = True

    async def work():
        events = Metrics().observed("x", endless())
        await anext(events)
        await events.aclose()

    asyncio.run(work())
    assert is_closed


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "모델"])
def test_any_name_can_be_a_label(name: str) -> None:
    metrics = Metrics()
    asyncio.run(through(metrics, name, Text("a")))
    found = read(metrics.text([]))
    assert found["ossia_time_to_first_token_seconds_count", ("model", name)] == 1


def test_a_model_is_counted_under_the_name_that_it_was_loaded_by() -> None:
    async def work():
        models = LocalModels({"gpt-4o": "nano"}, context=512)
        async with models.lease("gpt-4o") as model, models.lease("nano") as same:
            assert models.name_of(model) == models.name_of(same) == "gpt-4o"
        assert await models.unload("nano")
        assert models.name_of(model) == ""

    asyncio.run(work())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"prompt": "27 + 58 =", "max_tokens": 5}),
        ("/v1/completions", {"prompt": "27 + 58 =", "max_tokens": 5, "stream": True}),
        ("/api/generate", {"prompt": "27 + 58 =", "raw": True, "options": {"num_predict": 5}}),
    ],
)
def test_plain_continuations_are_counted_too(address: str, path: str, body: Any) -> None:
    def seen() -> tuple[float, float, float]:
        found = read(httpx.get(f"{address}/metrics").content)
        first, between, failures = (  # of nano under all of its names
            sum(count for key, count in found.items() if key[0] == f"ossia_{name}")
            for name in (
                "time_to_first_token_seconds_count",
                "time_between_tokens_seconds_count",
                "failures_total",
            )
        )
        return first, between, failures

    before = seen()
    httpx.post(address + path, json={"model": "nano", **body}, timeout=60).raise_for_status()
    after = seen()
    assert after[0] - before[0] == 1
    assert 0 < after[1] - before[1] <= 4
    refused = {"model": "nano", **body, "prompt": "so " * 200_000}
    assert httpx.post(address + path, json=refused, timeout=60).status_code == 400
    assert seen()[2] - after[2] == 1
