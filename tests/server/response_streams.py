"""A checker of response streams: what holds for every one of them, whatever was asked.

Knows OpenAI's package, whose types accept every object; knows nothing of our own code.
"""

from collections.abc import Sequence
from typing import Any

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

Json = dict[str, Any]

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
_ENDS = {
    "response.completed": {"completed"},
    "response.incomplete": {"incomplete", "cancelled"},
    "response.failed": {"failed"},
}
_PARTS = {  # what a part's pieces, its text and its index are called
    "output_text": ("response.output_text", "content"),
    "reasoning_text": ("response.reasoning_text", "content"),
    "summary_text": ("response.reasoning_summary_text", "summary"),
}
_CHANGING = {"status", "output", "usage", "completed_at", "error", "incomplete_details", "ossia"}


def check_response(response: Json) -> Json:
    """Checks a response object that is over, and gives it back."""
    Response.model_validate(response)
    missing = {name for name in Response.model_fields if name not in response} - _NOT_OURS
    assert not missing, missing
    status = response["status"]
    assert (status == "completed") == (response["completed_at"] is not None)
    assert (status == "incomplete") == (response["incomplete_details"] is not None)
    assert (status == "failed") == (response["error"] is not None)
    ids = [item["id"] for item in response["output"]]
    assert len(set(ids)) == len(ids)
    *done, last = [item["status"] for item in response["output"]] or ["completed"]
    assert all(status == "completed" for status in done)
    assert status != "completed" or last == "completed"
    if (usage := response["usage"]) is not None:
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        details = usage["output_tokens_details"]
        assert details["reasoning_tokens"] <= usage["output_tokens"]
    return response


_NOT_OURS = {
    "access_programs",
    "image",
    "input_transformations",
    "moderation",
    "prompt_cache_diagnostics",
    "prompt_cache_options",
    "tool_usage",
}
"""Fields of the type that tell of what runs on OpenAI's machines alone; all may be left out."""


def check_events(events: Sequence[Json], *, is_background: bool = False) -> Json:
    """Checks a whole stream, and gives the response at its end."""
    for event in events:
        _EVENT.validate_python(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    first, *middle, last = events
    assert first["type"] == "response.created"
    head = ["response.queued"] if is_background else []
    for kind in [*head, "response.in_progress"]:
        if middle and middle[0]["type"] == kind:
            assert middle.pop(0)["response"]["output"] == []
        else:
            assert is_background, "nothing is left out of a stream that began with its answer"
    assert last["response"]["status"] in _ENDS[last["type"]]
    response = check_response(last["response"])
    same = {key: value for key, value in response.items() if key not in _CHANGING}
    for event in events:
        if "response" in event:
            assert same.items() <= event["response"].items()
    items = _Items()
    for event in middle:
        items.take(event)
    assert items.open is None
    assert items.done == response["output"]
    return response


class _Items:
    """Items that follow one another, each like a bracket around its parts."""

    def __init__(self) -> None:
        self.done: list[Json] = []
        self.open: Json | None = None
        self._parts: dict[tuple[str, int], Json] = {}  # those open
        self._closed: dict[tuple[str, int], Json] = {}
        self._texts: dict[tuple[str, int], str] = {}
        self._arguments: str | None = None
        self._annotations: list[Json] = []
        self._tokens: list[Json] = []

    def take(self, event: Json) -> None:
        assert event["output_index"] == len(self.done)
        match event["type"].split("."):
            case ["response", "output_item", "added"]:
                self._add(event["item"])
            case ["response", "output_item", "done"]:
                self._finish(event["item"])
            case _:
                assert self.open is not None
                assert event["item_id"] == self.open["id"]
                self._take_inner(event)

    def _add(self, item: Json) -> None:
        assert self.open is None
        assert item["status"] == "in_progress"
        assert item["id"] not in [done["id"] for done in self.done]
        assert not item.get("content")
        assert not item.get("summary")
        assert not item.get("arguments")
        self.open = item
        self._parts, self._closed, self._texts = {}, {}, {}
        self._arguments, self._annotations, self._tokens = None, [], []
        if item["type"] == "function_call":
            self._texts["arguments", 0] = ""

    def _take_inner(self, event: Json) -> None:
        kind = event["type"].removeprefix("response.")
        if kind in ("content_part.added", "reasoning_summary_part.added"):
            place = _place(event)
            assert place not in self._parts
            assert place not in self._closed
            assert event["part"]["text"] == ""
            self._parts[place], self._texts[place] = event["part"], ""
        elif kind in ("content_part.done", "reasoning_summary_part.done"):
            place = _place(event)
            assert event["part"]["type"] == self._parts.pop(place)["type"]
            assert event["part"]["text"] == self._texts[place]
            self._closed[place] = event["part"]
        elif kind == "function_call_arguments.delta":
            assert self._arguments is None
            assert event["delta"]
            self._texts["arguments", 0] += event["delta"]
        elif kind == "function_call_arguments.done":
            assert self._arguments is None
            self._arguments = event["arguments"]
            assert self._arguments == self._texts["arguments", 0]
        elif kind == "output_text.annotation.added":
            assert event["annotation_index"] == len(self._annotations)
            self._annotations.append(event["annotation"])
        else:
            self._take_text(event)

    def _take_text(self, event: Json) -> None:
        place = _place(event)
        name, field = _PARTS[self._parts[place]["type"]]
        assert place[0] == field
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

    def _finish(self, item: Json) -> None:
        assert self.open is not None
        assert not self._parts, "a part is open still"
        fields = {"status", "content", "summary", "arguments", "encrypted_content", "phase"}
        for name, value in self.open.items():
            assert name in fields or item[name] == value, name
        assert item["status"] in ("completed", "incomplete")
        for name in ("content", "summary"):
            closed = [part for (field, _), part in sorted(self._closed.items()) if field == name]
            assert item.get(name, []) == closed
        if item["type"] == "function_call":
            assert item["arguments"] == self._arguments
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
