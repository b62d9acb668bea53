"""A checker of response streams: what holds for every one of them, whatever was asked.

Knows OpenAI's package and OpenAI's document, which both accept every object; knows nothing of our
own code.
"""

import re
from collections.abc import Sequence
from typing import Any

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from tests.server.openai_document import accept, accept_event

Json = dict[str, Any]

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
_ENDS = {
    "response.completed": {"completed"},
    "response.incomplete": {"incomplete", "cancelled"},
    "response.failed": {"failed"},
}
_OPEN = {"queued", "in_progress"}
_PARTS = {  # what a part's pieces, its text and its index are called
    "output_text": ("response.output_text", "content"),
    "reasoning_text": ("response.reasoning_text", "content"),
    "summary_text": ("response.reasoning_summary_text", "summary"),
}
_TEXTS = {  # texts of an item that come in pieces, and the field that each is
    "function_call_arguments": "arguments",
    "mcp_call_arguments": "arguments",
    "custom_tool_call_input": "input",
    "code_interpreter_call_code": "code",
}
_STEP = re.compile(r"(\w+_call|mcp_list_tools)\.(\w+)")
_LAST_STEPS = {"completed", "failed"}
_CHANGING = {"status", "output", "usage", "completed_at", "error", "incomplete_details", "ossia"}


def check_response(response: Json) -> Json:
    """Checks a response object, and gives it back."""
    Response.model_validate(response)
    accept("Response", response)
    missing = Response.model_fields.keys() - response.keys()
    assert not missing, missing
    status = response["status"]
    assert (status == "completed") == (response["completed_at"] is not None)
    assert (status == "incomplete") == (response["incomplete_details"] is not None)
    assert (status == "failed") == (response["error"] is not None)
    assert (status in ("completed", "incomplete")) == (response["usage"] is not None)
    ids = [item["id"] for item in response["output"]]
    assert len(set(ids)) == len(ids)
    *done, last = [item["status"] for item in response["output"]] or ["completed"]
    assert all(status in ("completed", "failed") for status in done)
    assert status != "completed" or last in ("completed", "failed")
    assert status in _OPEN or last != "in_progress"
    if (usage := response["usage"]) is not None:
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        assert usage["input_tokens_details"]["cached_tokens"] <= usage["input_tokens"]
        assert usage["output_tokens_details"]["reasoning_tokens"] <= usage["output_tokens"]
    return response


def check_events(events: Sequence[Json]) -> Json:
    """Checks a whole stream, and gives the response at its end."""
    middle = check_beginning(events)
    *_, last = events
    assert last["response"]["status"] in _ENDS[last["type"]]
    response = check_response(last["response"])
    assert response["status"] not in _OPEN
    same = {key: value for key, value in response.items() if key not in _CHANGING}
    for event in events:
        if "response" in event:
            assert same.items() <= event["response"].items()
    assert middle.open is None
    assert middle.done == response["output"]
    return response


def check_beginning(events: Sequence[Json]) -> "Items":
    """Checks a stream as far as it was read, and gives its items."""
    for event in events:
        _EVENT.validate_python(event)
        accept_event(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    first, *rest = events
    assert first["type"] == "response.created"
    is_background = first["response"]["background"]
    for kind in [*(["response.queued"] if is_background else []), "response.in_progress"]:
        if rest and rest[0]["type"] == kind:
            assert rest.pop(0)["response"]["output"] == []
        else:  # only what is lost with a process, or fails in the queue, has no such beginning
            assert not rest or (is_background and rest[0]["type"] in _ENDS), rest[0]["type"]
    items = Items()
    for place, event in enumerate(rest):
        if event["type"] in _ENDS:
            assert place == len(rest) - 1, "something comes behind the end"
        else:
            items.take(event)
    return items


class Items:
    """Items that follow one another, each like a bracket around its parts.

    Attributes:
        done: those that are closed.
        open: the one that is not.
    """

    def __init__(self) -> None:
        self.done: list[Json] = []
        self.open: Json | None = None
        self._parts: dict[tuple[str, int], Json] = {}  # those open
        self._closed: dict[tuple[str, int], Json] = {}
        self._texts: dict[tuple[str, int], str] = {}  # of parts
        self._ended: set[tuple[str, int]] = set()  # whose texts are told whole
        self._pieces: dict[str, str] = {}  # of the item's own texts
        self._whole: dict[str, str] = {}
        self._steps: list[str] = []
        self._annotations: list[Json] = []
        self._tokens: list[Json] = []

    def take(self, event: Json) -> None:
        """One event between the beginning and the end."""
        assert event["output_index"] == len(self.done)
        match event["type"].split("."):
            case ["response", "output_item", "added"]:
                self._add(event["item"])
            case ["response", "output_item", "done"]:
                self._finish(event["item"])
            case _:
                assert self.open is not None
                assert event["item_id"] == self.open["id"]
                self._take_inner(event["type"].removeprefix("response."), event)

    def _add(self, item: Json) -> None:
        assert self.open is None
        assert item["status"] == "in_progress"
        assert item["id"] not in [done["id"] for done in self.done]
        assert not any(item.get(name) for name in ("content", "summary", *_TEXTS.values()))
        self.open = item
        self._parts, self._closed, self._texts, self._ended = {}, {}, {}, set()
        self._pieces, self._whole, self._steps = {}, {}, []
        self._annotations, self._tokens = [], []

    def _take_inner(self, kind: str, event: Json) -> None:
        name, _, what = kind.partition(".")
        if name in ("content_part", "reasoning_summary_part"):
            self._take_part(what, event)
        elif name in _TEXTS:
            self._take_text_of_item(_TEXTS[name], what, event)
        elif kind == "output_text.annotation.added":
            assert event["annotation_index"] == len(self._annotations)
            self._annotations.append(event["annotation"])
        elif step := _STEP.fullmatch(kind):
            self._take_step(*step.groups())
        else:
            self._take_text_of_part(event)

    def _take_part(self, what: str, event: Json) -> None:
        place = _place(event)
        if what == "added":
            assert place not in self._parts
            assert place not in self._closed
            assert event["part"]["text"] == ""
            self._parts[place], self._texts[place] = event["part"], ""
            return
        assert what == "done"
        assert place in self._ended, "its text was not told whole"
        assert event["part"]["type"] == self._parts.pop(place)["type"]
        assert event["part"]["text"] == self._texts[place]
        self._closed[place] = event["part"]

    def _take_text_of_item(self, field: str, what: str, event: Json) -> None:
        assert field not in self._whole
        if what == "delta":
            assert event["delta"]
            self._pieces[field] = self._pieces.get(field, "") + event["delta"]
        else:
            assert what == "done"
            self._whole[field] = event[field]
            assert event[field] == self._pieces.get(field, "")

    def _take_text_of_part(self, event: Json) -> None:
        place = _place(event)
        name, field = _PARTS[self._parts[place]["type"]]
        assert place[0] == field
        assert place not in self._ended
        kind, _, what = event["type"].rpartition(".")
        assert kind == name
        if what == "delta":
            assert event["delta"]
            self._texts[place] += event["delta"]
            self._tokens += event.get("logprobs", [])
        else:
            assert what == "done"
            assert event["text"] == self._texts[place]
            assert event.get("logprobs", self._tokens) == self._tokens
            self._ended.add(place)

    def _take_step(self, name: str, step: str) -> None:
        """How far a tool that the server runs has come."""
        assert self.open is not None
        assert self.open["type"] == name
        assert (step == "in_progress") == (not self._steps)
        assert step not in self._steps
        assert not _LAST_STEPS.intersection(self._steps)
        self._steps.append(step)

    def _finish(self, item: Json) -> None:
        assert self.open is not None
        assert not self._parts, "a part is open still"
        fields = {"status", "content", "summary", "encrypted_content", "phase", *_TEXTS.values()}
        fields |= {"output", "outputs", "error", "action", "tools"}  # of tools of the server
        for name, value in self.open.items():
            assert name in fields or item[name] == value, name
        assert item["status"] in ("completed", "incomplete", "failed")
        assert not self._steps or self._steps[-1] in _LAST_STEPS or item["status"] == "incomplete"
        for name in ("content", "summary"):
            closed = [part for (field, _), part in sorted(self._closed.items()) if field == name]
            assert item.get(name, []) == closed
        assert self._pieces.keys() <= self._whole.keys(), "a text was not told whole"
        if item["type"] == "function_call":
            assert "arguments" in self._whole
        for name, text in self._whole.items():
            assert item[name] == text
        if item["type"] == "message":
            [part] = item["content"]
            assert part["annotations"] == self._annotations
            assert part["logprobs"] == self._tokens
        self.done.append(item)
        self.open = None


def _place(event: Json) -> tuple[str, int]:
    """Which part of an item an event is about."""
    field = "summary" if "summary_index" in event else "content"
    return field, event[f"{field}_index"]
