"""Chat events to the events of a response's stream, and to its output items. Pure.

A whole response is put together from the very events that a stream would have had, so the two say
the same. Items follow one another: one is done before the next is added. Source: OpenAI's API
reference, streaming events of responses, and the ``openai`` package's types of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from ossia.agent import AgentEvent, Returned, Started
from ossia.chat import Citation, Reasoning, ScoredToken, Text, ToolCall
from ossia.server.responses.items import new_id
from ossia.server.responses.sealing import Seal
from ossia.server.responses.served import CodeInterpreter, ServedCall, WebSearch
from ossia.server.responses.tools import Toolbox
from ossia.server.sampling import sayable
from ossia.server.toolsets import Toolset
from ossia.tools import Call, Page
from ossia.tools.browser import Citation as PageCitation
from ossia.tools.browser import citations

Json = dict[str, Any]


class _Open(Protocol):
    """An item under way."""

    item: Json

    def begin(self) -> Iterator[Json]:
        """The events behind the item's own."""

    def end(self, status: str, phase: str) -> Iterator[Json]:
        """The events before the item is done; ``item`` is whole then."""


class Output:
    """The items of one response.

    Args:
        box: the functions that the model may call.
        seal: closes reasoning for clients that carry it; None where it is not asked for.
        has_summary: whether reasoning is shown as its summary too.

    Attributes:
        toolset: the tools of the server that the model uses, if it does.
    """

    toolset: Toolset | None = None

    def __init__(self, box: Toolbox, seal: Seal | None, *, has_summary: bool) -> None:
        self._box, self._seal, self._has_summary = box, seal, has_summary
        self._items: list[Json] = []
        self._open: _Open | None = None
        self._is_quiet = False  # while the model says what becomes an item when it is whole

    @property
    def items(self) -> list[Json]:
        """Those that are done, and the one under way as it began."""
        return [*self._items, *([self._open.item] if self._open else [])]

    def take(self, event: AgentEvent) -> Iterator[Json]:
        """What one event of the model or a tool adds to the stream, without sequence numbers."""
        match event:
            case Reasoning(text):
                if not isinstance(self._open, _Reasoning):
                    yield from self._begin(_Reasoning(self._seal, has_summary=self._has_summary))
                assert isinstance(self._open, _Reasoning)
                yield from self._placed(self._open.add(text))
            case Text() | Citation():
                if not isinstance(self._open, _Message):
                    yield from self._begin(_Message(self.toolset.pages if self.toolset else {}))
                assert isinstance(self._open, _Message)
                yield from self._placed(self._open.add(event))
            case ToolCall(recipient, ""):
                yield from self._call(recipient)
            case ToolCall(_, text) if not self._is_quiet:
                assert isinstance(self._open, _Call | CodeInterpreter)
                yield from self._placed(self._open.add(text))
            case Started(call):
                yield from self._serve(call)
                if isinstance(self._open, ServedCall):
                    yield from self._placed(self._open.start(event))
            case Returned(call):
                yield from self._serve(call)
                if isinstance(self._open, ServedCall):
                    yield from self._placed(self._open.finish(event))
                    self._remember(self._open.item["id"])
                    yield from self._end("completed", "commentary")

    def end(self, *, is_whole: bool) -> Iterator[Json]:
        """The events of the item under way's end."""
        yield from self._end("completed" if is_whole else "incomplete", "final_answer")

    def reasons(self) -> Iterator[tuple[str, str]]:
        """The ids of calls, with the reasoning that led to them."""
        thought = ""
        for item in self._items:
            if item["type"] == "reasoning":
                thought += "".join(part["text"] for part in item["content"])
            elif item["type"] == "function_call":
                yield item["call_id"], thought

    def _call(self, recipient: str) -> Iterator[Json]:
        """The model begins a call: of the client, or of a tool of the server."""
        name = self._box.server_tool(recipient) if self.toolset else None
        self._is_quiet = name == "browser" or bool(
            self.toolset and not name and not self._box.has(recipient)
        )
        if self._is_quiet:
            return
        if self.toolset and name == "python":
            opened: _Open = CodeInterpreter(self.toolset.container_id)
        else:
            opened = _Call(*self._box.called(recipient))
        yield from self._begin(opened, "commentary")

    def _serve(self, call: Call) -> Iterator[Json]:
        """A call is whole: one of the browser becomes an item only now."""
        is_search = self._box.server_tool(call.recipient) == "browser"
        if is_search and not isinstance(self._open, WebSearch):
            yield from self._begin(WebSearch(call), "commentary")

    def _remember(self, call_id: str) -> None:
        if self.toolset:
            self.toolset.calls.add(call_id)

    def _begin(self, opened: _Open, phase_before: str = "final_answer") -> Iterator[Json]:
        yield from self._end("completed", phase_before)
        self._open = opened
        place = len(self._items)
        yield {"type": "response.output_item.added", "output_index": place, "item": opened.item}
        yield from self._placed(opened.begin())

    def _end(self, status: str, phase: str) -> Iterator[Json]:
        if (done := self._open) is None:
            return
        yield from self._placed(done.end(status, phase))
        place = len(self._items)
        self._items.append(done.item)
        self._open = None
        yield {"type": "response.output_item.done", "output_index": place, "item": done.item}

    def _placed(self, events: Iterator[Json]) -> Iterator[Json]:
        """Events of the item under way, with its id and place."""
        assert self._open is not None
        where = {"item_id": self._open.item["id"], "output_index": len(self._items)}
        for event in events:
            yield {"type": event["type"], **where, **event}


class _Reasoning:
    """A chain of thought. gpt-oss writes no summary of it; who asks for one is shown the whole."""

    def __init__(self, seal: Seal | None, *, has_summary: bool) -> None:
        self.item: Json = {"id": new_id("rs"), "type": "reasoning", "status": "in_progress"}
        self.item |= {"summary": [], "content": [], "encrypted_content": None}
        self._seal, self._has_summary = seal, has_summary
        self._pieces: list[str] = []

    def begin(self) -> Iterator[Json]:
        yield {"type": "response.content_part.added", "content_index": 0, "part": _thought("")}
        if self._has_summary:
            part = _summary("")
            yield {
                "type": "response.reasoning_summary_part.added",
                "summary_index": 0,
                "part": part,
            }

    def add(self, text: str) -> Iterator[Json]:
        """A piece of it."""
        self._pieces.append(text)
        yield {"type": "response.reasoning_text.delta", "content_index": 0, "delta": text}
        if self._has_summary:
            kind = "response.reasoning_summary_text.delta"
            yield {"type": kind, "summary_index": 0, "delta": text}

    def end(self, status: str, phase: str) -> Iterator[Json]:  # noqa: ARG002
        text = "".join(self._pieces)
        yield {"type": "response.reasoning_text.done", "content_index": 0, "text": text}
        part = _thought(text)
        yield {"type": "response.content_part.done", "content_index": 0, "part": part}
        if self._has_summary:
            kind = "response.reasoning_summary_text.done"
            yield {"type": kind, "summary_index": 0, "text": text}
            part = _summary(text)
            yield {"type": "response.reasoning_summary_part.done", "summary_index": 0, "part": part}
        self.item = self.item | {
            "summary": [_summary(text)] if self._has_summary else [],
            "content": [_thought(text)],
            "encrypted_content": self._seal.close(text) if self._seal else None,
            "status": status,
        }


class _Message:
    """What the model says to the user: an answer, or a preamble of a call."""

    def __init__(self, pages: Mapping[int, Page]) -> None:
        self._pages = pages
        self.item: Json = {"id": new_id("msg"), "type": "message", "status": "in_progress"}
        self.item |= {"role": "assistant", "content": []}
        self._pieces: list[str] = []
        self._tokens: list[Json] = []

    def begin(self) -> Iterator[Json]:
        yield {"type": "response.content_part.added", "content_index": 0, "part": _said("")}

    def add(self, event: Text | Citation) -> Iterator[Json]:
        """A piece of it."""
        self._pieces.append(event.text)
        tokens = [_scored(token) for token in event.tokens]
        self._tokens += tokens
        yield {
            "type": "response.output_text.delta",
            "content_index": 0,
            "delta": event.text,
            "logprobs": tokens,
        }

    def end(self, status: str, phase: str) -> Iterator[Json]:
        text = "".join(self._pieces)
        annotations = [_annotation(each) for each in citations(text, self._pages)]
        for number, annotation in enumerate(annotations):
            kind = "response.output_text.annotation.added"
            place = {"content_index": 0, "annotation_index": number}
            yield {"type": kind, **place, "annotation": annotation}
        kind = "response.output_text.done"
        yield {"type": kind, "content_index": 0, "text": text, "logprobs": self._tokens}
        part = _said(text, annotations, self._tokens)
        yield {"type": "response.content_part.done", "content_index": 0, "part": part}
        self.item = self.item | {"status": status, "content": [part], "phase": phase}


class _Call:
    """A call of a function."""

    def __init__(self, namespace: str | None, name: str) -> None:
        self.item: Json = {"id": new_id("fc"), "type": "function_call", "status": "in_progress"}
        self.item |= {"call_id": new_id("call"), "name": name, "arguments": ""}
        self.item |= {"namespace": namespace} if namespace else {}
        self._pieces: list[str] = []

    def begin(self) -> Iterator[Json]:
        yield from ()

    def add(self, text: str) -> Iterator[Json]:
        """A piece of its arguments."""
        self._pieces.append(text)
        yield {"type": "response.function_call_arguments.delta", "delta": text}

    def end(self, status: str, phase: str) -> Iterator[Json]:  # noqa: ARG002
        arguments = "".join(self._pieces)
        kind = "response.function_call_arguments.done"
        yield {"type": kind, "name": self.item["name"], "arguments": arguments}
        self.item = self.item | {"arguments": arguments, "status": status}


def _thought(text: str) -> Json:
    return {"type": "reasoning_text", "text": text}


def _summary(text: str) -> Json:
    return {"type": "summary_text", "text": text}


def _said(text: str, annotations: Sequence[Json] = (), tokens: Sequence[Json] = ()) -> Json:
    lists = {"annotations": list(annotations), "logprobs": list(tokens)}
    return {"type": "output_text", "text": text, **lists}


def _annotation(citation: PageCitation) -> Json:
    """Where a part of the answer is from: the page, and under ``ossia`` the very lines."""
    return {
        "type": "url_citation",
        "start_index": citation.start,
        "end_index": citation.end,
        "url": citation.url,
        "title": citation.title,
        "ossia": {
            "cursor": citation.cursor,
            "first_line": citation.first_line,
            "last_line": citation.last_line,
            "lines": list(citation.lines),
        },
    }


def _scored(token: ScoredToken) -> Json:
    """A token with its probability, and those in whose place it came."""
    top = [_token(spelling, logprob) for spelling, logprob in token.top]
    return _token(token.spelling, token.logprob) | {"top_logprobs": top}


def _token(spelling: bytes, logprob: float) -> Json:
    text = spelling.decode("utf-8", errors="replace")
    return {"token": text, "logprob": sayable(logprob), "bytes": list(spelling)}
