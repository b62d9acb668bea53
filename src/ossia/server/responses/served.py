"""Output items of the tools that run on this server: how each begins, goes on and ends. Pure.

What the model said and read word for word stands under ``ossia``, beside what OpenAI's items have:
with it the next request can show the model the same again. Source: OpenAI's API reference,
``web_search_call`` and ``code_interpreter_call``, and the ``openai`` package's types of them.
"""

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from ossia.agent import Returned, Started
from ossia.server.responses.items import new_id
from ossia.tools import Call, Result

Json = dict[str, Any]


class ServedCall(ABC):
    """A call of one of the server's tools.

    Attributes:
        kind: the type of the item.
        working: what is said while the tool is at work.
    """

    item: Json
    kind: str
    working: str

    def begin(self) -> Iterator[Json]:
        """The events behind the item's own."""
        yield {"type": f"response.{self.kind}.in_progress"}

    def add(self, text: str) -> Iterator[Json]:  # noqa: ARG002
        """A piece of what the model says to the tool."""
        yield from ()

    def start(self, event: Started) -> Iterator[Json]:  # noqa: ARG002
        """The tool begins."""
        yield {"type": f"response.{self.kind}.{self.working}"}

    def finish(self, event: Returned) -> Iterator[Json]:
        """What came of it."""
        told = _told(event)
        self.item = self.item | {**self.outcome(event.result), "ossia": told}
        yield {"type": f"response.{self.kind}.completed"}

    @abstractmethod
    def outcome(self, result: Result) -> Json:
        """The fields of the item that a result decides."""

    def end(self, status: str, phase: str) -> Iterator[Json]:  # noqa: ARG002
        """The events before the item is done; one that was cut off has no result."""
        is_whole = "ossia" in self.item
        failed = is_whole and self.item["ossia"]["is_error"] and self.kind == "web_search_call"
        ending = "failed" if failed else "completed" if is_whole else "incomplete"
        self.item = self.item | {"status": ending}
        yield from ()


class WebSearch(ServedCall):
    """A search, a page that is opened, or a place that is looked for in one."""

    kind, working = "web_search_call", "searching"

    def __init__(self, call: Call) -> None:
        self.item = {"id": new_id("ws"), "type": self.kind, "status": "in_progress"}
        self.item["action"] = _asked(call)

    def outcome(self, result: Result) -> Json:
        """What was done, as it turned out."""
        details = result.details
        match details.get("kind"):
            case "search":
                sources = [{"type": "url", "url": each["url"]} for each in details["results"]]
                query = details["query"]
                action = {"type": "search", "query": query, "queries": [query], "sources": sources}
            case "open":
                action = {"type": "open_page", "url": details["url"] or None}
            case "find":
                pattern = details["pattern"]
                action = {"type": "find_in_page", "url": details["url"], "pattern": pattern}
            case _:
                action = self.item["action"]
        return {"action": action}


class CodeInterpreter(ServedCall):
    """Code that runs in a container."""

    kind, working = "code_interpreter_call", "interpreting"

    def __init__(self, container_id: str) -> None:
        self.item = {"id": new_id("ci"), "type": self.kind, "status": "in_progress"}
        self.item |= {"code": "", "container_id": container_id, "outputs": None}
        self._pieces: list[str] = []
        self._is_said = False

    def add(self, text: str) -> Iterator[Json]:
        """A piece of the code."""
        self._pieces.append(text)
        yield {"type": "response.code_interpreter_call_code.delta", "delta": text}

    def start(self, event: Started) -> Iterator[Json]:
        """The code is whole, and runs."""
        yield from self._said()
        yield from super().start(event)

    def finish(self, event: Returned) -> Iterator[Json]:
        """What it printed and showed."""
        yield from self._said()
        yield from super().finish(event)

    def outcome(self, result: Result) -> Json:
        """Logs and pictures."""
        logs = [{"type": "logs", "logs": result.text}]
        images = [
            {"type": "image", "url": f"data:{each.media_type};base64,{_base64(each.data)}"}
            for each in result.pictures
        ]
        return {"outputs": logs + images}

    def end(self, status: str, phase: str) -> Iterator[Json]:
        """See ``ServedCall``."""
        yield from self._said()
        yield from super().end(status, phase)

    def _said(self) -> Iterator[Json]:
        """The code is whole."""
        if not self._is_said:
            self._is_said = True
            code = "".join(self._pieces)
            self.item = self.item | {"code": code}
            yield {"type": "response.code_interpreter_call_code.done", "code": code}


def _told(event: Returned) -> Json:
    details = {name: value for name, value in event.result.details.items() if name != "kind"}
    return {
        "recipient": event.told.name,
        "content_type": event.said.content_type,
        "channel": str(event.told.channel),
        "call": event.said.text,
        "result": event.told.text,
        "is_error": event.result.is_error,
        "details": details,
    }


def _asked(call: Call) -> Json:
    """What a call of the browser asks for, before it is known what comes of it."""
    try:
        told = json.loads(call.text)
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    match call.recipient.rpartition(".")[2]:
        case "search":
            return {"type": "search", "query": str(told.get("query", ""))}
        case "find":
            return {"type": "find_in_page", "url": "", "pattern": str(told.get("pattern", ""))}
    url = told.get("id")
    return {"type": "open_page", "url": url if isinstance(url, str) else None}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
