"""The order of a stream's events, and whether the checker of streams would notice another."""

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from tests.server.response_streams import check_events
from tests.server.responses.asking import ADD, PATH, SUM, events_of

Json = dict[str, Any]
ASKED: Json = {"model": "nano", "input": SUM, "temperature": 0, "stream": True, "store": False}
REASONING = [
    "output_item.added",
    "content_part.added",
    "reasoning_text.delta",
    "reasoning_text.done",
    "content_part.done",
    "output_item.done",
]
ANSWER = [
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.done",
    "content_part.done",
    "output_item.done",
]
CALL = [
    "output_item.added",
    "function_call_arguments.delta",
    "function_call_arguments.done",
    "output_item.done",
]
SUMMARISED = [
    "output_item.added",
    "content_part.added",
    "reasoning_summary_part.added",
    *["reasoning_text.delta", "reasoning_summary_text.delta"] * 40,
    "reasoning_text.done",
    "content_part.done",
    "reasoning_summary_text.done",
    "reasoning_summary_part.done",
    "output_item.done",
]


def kinds(events: list[Json]) -> list[str]:
    """The types of events, those that repeat once."""
    names = [event["type"].removeprefix("response.") for event in events]
    return [name for name, _ in itertools.groupby(names)]


@pytest.fixture(scope="module")
def stream(address: str) -> list[Json]:
    """With reasoning, its summary, and an answer in several pieces."""
    asked = ASKED | {"input": "Hi", "reasoning": {"summary": "detailed"}}
    return events_of("POST", f"{address}{PATH}", json=asked)


def test_the_order_of_an_answer(address: str) -> None:
    events = events_of("POST", f"{address}{PATH}", json=ASKED)
    check_events(events)
    assert kinds(events) == ["created", "in_progress", *REASONING, *ANSWER, "completed"]
    assert len(events) > 2 * len(kinds(events)), "text comes in pieces"


def test_the_order_of_a_call(address: str) -> None:
    asked = ASKED | {"tools": [ADD], "tool_choice": "required"}
    events = events_of("POST", f"{address}{PATH}", json=asked)
    check_events(events)
    assert kinds(events) == ["created", "in_progress", *REASONING, *CALL, "completed"]


def test_the_order_in_the_background(address: str) -> None:
    asked = ASKED | {"background": True, "store": True, "max_output_tokens": 5}
    events = events_of("POST", f"{address}{PATH}", json=asked)
    check_events(events)
    assert kinds(events) == ["created", "queued", "in_progress", *REASONING, "incomplete"]


def test_a_summary_comes_beside_its_reasoning(stream: list[Json]) -> None:
    check_events(stream)
    found = kinds(stream)
    end = found.index("output_item.done") + 1
    assert found[2:end] == [
        *SUMMARISED[:3],
        *["reasoning_text.delta", "reasoning_summary_text.delta"] * ((end - 10) // 2),
        *SUMMARISED[-5:],
    ]


def broken(events: list[Json]) -> Iterator[tuple[str, list[Json]]]:
    """Streams with one thing wrong, and what that is."""
    for place, event in enumerate(events):
        yield f"{place} is missing", numbered(events[:place] + events[place + 1 :])
        yield f"{place} comes twice", numbered(events[: place + 1] + events[place:])
        before = events[place - 1]
        if place and event.get("delta") != before.get("delta", 0) and not are_apart(event, before):
            swapped = [*events[: place - 1], event, before, *events[place + 1 :]]
            yield f"{place} comes early", numbered(swapped)
        for field, other in (("item_id", "x"), ("output_index", 7), ("content_index", 7)):
            if field in event:
                yield f"{field} of {place}", changed(events, place, {field: other})
        for field in ("delta", "text", "arguments"):
            if field in event:
                more = {field: event[field] + "!"}
                yield f"{field} of {place}", changed(events, place, more)
        for field in ("part", "item"):
            if field in event and event["type"].endswith("done"):
                inner = copy.deepcopy(event[field])
                (inner.get("content") or [inner])[0]["text"] = "other"
                yield f"{field} of {place}", changed(events, place, {field: inner})
        if "response" in event:
            for more in ({"id": "resp_other"}, {"model": "other"}, {"usage": 7}, {"tools": None}):
                inner = event["response"] | more
                yield f"{more} of {place}", changed(events, place, {"response": inner})
    yield "a number is missing", [*events[:5], *events[6:]]
    last = events[-1]
    for status in ("in_progress", "failed", "incomplete"):
        inner = last["response"] | {"status": status}
        yield f"the end is {status}", [*events[:-1], last | {"response": inner}]


def are_apart(event: Json, other: Json) -> bool:
    """Whether their order says nothing: one is about reasoning, one about its summary."""
    fields = {field for each in (event, other) for field in each if field.endswith("_index")}
    return {"content_index", "summary_index"} <= fields


def numbered(events: list[Json]) -> list[Json]:
    return [event | {"sequence_number": place} for place, event in enumerate(events)]


def changed(events: list[Json], place: int, more: Json) -> list[Json]:
    return [*events[:place], events[place] | more, *events[place + 1 :]]


def test_the_checker_sees_whatever_is_wrong(stream: list[Json]) -> None:
    check_events(stream)
    unseen, num_tried = [], 0
    for what, events in broken(stream):
        num_tried += 1
        try:
            check_events(events)
        except (AssertionError, ValueError, KeyError, IndexError):
            continue
        unseen.append(what)
    assert not unseen
    assert num_tried > 300
