"""Answer, calls, results, answer: until the model has said what it had to say.

Knows rounds, limits and who may do what; knows neither how a tool works nor how a person is asked:
a ``Permission`` passes among the events, and whoever reads them decides. Text of tools is data:
``harmony.render`` writes it so that it cannot become a control token, and no rule depends on it.
"""

import asyncio
import logging
from base64 import b64encode
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from ossia.agent.budget import Budget, Limits, Model
from ossia.agent.policy import CAREFUL, Policy, Rule, Verdict
from ossia.base.errors import OssiaError
from ossia.chat import Citation, Demands, Done, Event, Failed, Reason, Settings, Terms
from ossia.harmony import (
    Assistant,
    Developer,
    Message,
    ParsedMessage,
    System,
    ToolNames,
    ToolResult,
)
from ossia.harmony import Tool as Function
from ossia.harmony.messages import FUNCTIONS
from ossia.tools import Action, Call, Page, Result, Tool

MAX_RESULT = 100_000
"""Characters of a result that the model is shown: about a fifth of its context."""

MAX_QUOTE = 150
"""Characters of a page that go with a citation of it."""

_log = logging.getLogger("ossia.agent")


@dataclass(eq=False)
class Permission:
    """A call that somebody is to decide about, before the next event is asked for.

    Who does not decide refuses.
    """

    call: Call
    action: Action
    is_granted: bool = False
    is_lasting: bool = False

    def grant(self, *, is_lasting: bool = False) -> None:
        """Let it be done: this once, or whatever else the tool does to the same target too."""
        self.is_granted, self.is_lasting = True, is_lasting

    def to_json(self) -> dict[str, Any]:
        """The event as plain JSON types."""
        return {"type": "permission", **_told(self.call, self.action)}


@dataclass(frozen=True)
class Started:
    """A call is done from now on."""

    call: Call
    action: Action

    def to_json(self) -> dict[str, Any]:
        """The event as plain JSON types."""
        return {"type": "tool_start", **_told(self.call, self.action)}


@dataclass(frozen=True)
class Returned:
    """What came of a call, be it done or refused.

    Attributes:
        said, told: what the conversation grew by: the call, and the result as the model reads it.
    """

    call: Call
    result: Result
    said: Assistant
    told: ToolResult

    def to_json(self) -> dict[str, Any]:
        """The event as plain JSON types; pictures as base64."""
        result = self.result
        return {
            "type": "tool_result",
            "recipient": self.call.recipient,
            "text": result.text,
            "is_error": result.is_error,
            "pictures": [
                {"media_type": each.media_type, "data": b64encode(each.data).decode("ascii")}
                for each in result.pictures
            ],
            "pages": [
                {"cursor": page.cursor, "url": page.url, "title": page.title}
                for page in result.pages
            ],
            "details": dict(result.details),
        }


AgentEvent = Event | Permission | Started | Returned
"""Chat's events, and what happens between them. ``Done`` comes once, for all rounds together."""


@dataclass(eq=False)
class Worker:
    """A model with tools, in one conversation.

    Attributes:
        tools: of this conversation; whoever made them closes them.
        said: what the conversation grew by in the answer under way, whole messages only: what is
            saved while it grows.
        pages: what was shown under each cursor, for citations.
    """

    model: Model
    tools: Sequence[Tool]
    policy: Policy = CAREFUL
    limits: Limits = field(default_factory=Limits)
    said: list[Message] = field(default_factory=list)
    pages: dict[int, Page] = field(default_factory=dict)

    async def answer(
        self,
        messages: Sequence[Message],
        settings: Settings | None = None,
        demands: Demands | None = None,
        terms: Terms | None = None,
    ) -> AsyncGenerator[AgentEvent, None]:
        """The events of one answer with all its calls; ``Done`` or ``Failed`` comes once, last.

        A call of a function that the conversation brings ends the answer: whoever brought it knows
        what comes of it.

        Closing the generator, or cancelling the task that reads it, ends the call under way too.
        """
        self.said = []
        names = self._names(messages)
        brought = {f"{FUNCTIONS}.{function.name}" for function in _brought(messages)}
        shown = equipped(messages, self.tools, names)
        budget = Budget(self.limits, settings or Settings(), demands or Demands(), terms or Terms())
        while True:
            ending: Done | Failed | None = None
            async with aclosing(budget.ask(self.model, [*shown, *self.said])) as events:
                async for event in events:
                    if isinstance(event, Done | Failed):
                        ending = event
                    else:
                        yield self._resolved(event) if isinstance(event, Citation) else event
            if not isinstance(ending, Done):
                if ending is not None:
                    yield ending
                return
            budget.spend(ending)
            self.said += map(_as_message, _worth_keeping(ending))
            calls = _calls(ending)
            if not calls:
                yield budget.total(ending)
                return
            own = [said for said in calls if said.recipient not in brought]
            for said in own:
                async with aclosing(self._serve(said, names, budget)) as happenings:
                    async for happening in happenings:
                        yield happening
            if len(own) < len(calls):  # who brought the function gives its result, and asks again
                yield budget.total(ending)
                return

    def _resolved(self, citation: Citation) -> Citation:
        """A citation with the page that it names, if that was shown."""
        if citation.cursor not in self.pages:
            return citation
        from ossia.tools.browser import citations  # whoever shows pages has loaded it

        for found in citations(citation.text, self.pages):
            quote = " ".join(" ".join(found.lines).split())[:MAX_QUOTE]
            return replace(citation, url=found.url, title=found.title, quote=quote)
        return citation

    def _names(self, messages: Sequence[Message]) -> ToolNames:
        own = (function.name for tool in self.tools for function in tool.functions)
        # Functions that the conversation brings stand there by their names on the wire already.
        return ToolNames([*own, *(function.name for function in _brought(messages))])

    async def _serve(
        self, said: ParsedMessage, names: ToolNames, budget: Budget
    ) -> AsyncGenerator[AgentEvent, None]:
        """One call: whether it may, doing it, and telling the model."""
        recipient = said.recipient or ""
        call, tool = self._addressed(recipient, said.text, names)
        budget.num_calls += 1
        if tool is None:
            offered = ", ".join(sorted(self._recipients(names))) or "none"
            result = Result(
                f"error: there is no tool {recipient!r:.80}; there are: {offered}", True
            )
        elif budget.is_time_over:
            result = Result("error: the time for this answer is over", is_error=True)
        else:
            action = tool.action(call)
            verdict = self.policy.verdict(action)
            permission = Permission(call, action, verdict is Verdict.ALLOW)
            if verdict is Verdict.ASK:
                yield permission
            if permission.is_lasting:
                rule = Rule(Verdict.ALLOW, action.tool, action.deed, action.target or "*")
                self.policy = self.policy.first(rule)
            if permission.is_granted:
                yield Started(call, action)
                result = await _done(tool, call, budget.seconds_left)
            else:
                result = Result("error: this was not permitted; do without it", is_error=True)
        self.pages |= {page.cursor: page for page in result.pages}
        told = ToolResult(recipient, bounded(result.text), said.channel)
        self.said.append(told)
        yield Returned(call, result, _as_message(said), told)

    def _addressed(self, recipient: str, text: str, names: ToolNames) -> tuple[Call, Tool | None]:
        """A call by the name that the tool has outside, and the tool."""
        space, _, _ = recipient.partition(".")
        for tool in self.tools:
            if any(each.name == space for each in tool.namespaces):
                return Call(recipient, text), tool
        outside = names.outside(recipient)
        for tool in self.tools:
            if any(function.name == outside for function in tool.functions):
                return Call(f"{FUNCTIONS}.{outside}", text), tool
        return Call(recipient, text), None

    def _recipients(self, names: ToolNames) -> Iterable[str]:
        for tool in self.tools:
            for space in tool.namespaces:
                yield from (f"{space.name}.{each.name}" for each in space.tools)
                if not space.tools:
                    yield space.name
            yield from (names.recipient(function.name) for function in tool.functions)


def equipped(
    messages: Sequence[Message], tools: Sequence[Tool], names: ToolNames
) -> tuple[Message, ...]:
    """A conversation in which the model is told of tools, at the places that it was trained for."""
    spaces = tuple(space for tool in tools for space in tool.namespaces)
    functions = tuple(
        replace(function, name=names.wire(function.name))
        for tool in tools
        for function in tool.functions
    )
    head, rest = list(messages[:1]), list(messages[1:])
    if not head or not isinstance(head[0], System):
        head, rest = [System()], list(messages)
    assert isinstance(head[0], System)
    head[0] = replace(head[0], tools=(*head[0].tools, *spaces))
    if functions:
        developer = rest.pop(0) if rest and isinstance(rest[0], Developer) else Developer()
        assert isinstance(developer, Developer)
        head.append(replace(developer, tools=(*developer.tools, *functions)))
    return (*head, *rest)


def bounded(text: str) -> str:
    """A result as far as the model is shown it: the start and the end of a long one."""
    if len(text) <= MAX_RESULT:
        return text
    half = MAX_RESULT // 2
    return f"{text[:half]}\n[{len(text) - 2 * half:,} characters are left out]\n{text[-half:]}"


def _told(call: Call, action: Action) -> dict[str, Any]:
    return {
        "recipient": call.recipient,
        "call": call.text,
        "tool": action.tool,
        "deed": str(action.deed),
        "target": action.target,
        "summary": action.summary,
        "detail": action.detail,
    }


async def _done(tool: Tool, call: Call, seconds: float | None) -> Result:
    """What comes of a call; a broken tool is no reason for a conversation to end."""
    try:
        async with asyncio.timeout(seconds):
            return await tool.call(call)
    except TimeoutError:
        return Result("error: the time for this answer is over", is_error=True)
    except OssiaError as error:
        return Result(f"error: {error}", is_error=True)
    except Exception:
        _log.exception("a tool failed: %s", tool.name)
        return Result(f"error: {tool.name} met a bug and did nothing", is_error=True)


def _calls(done: Done) -> list[ParsedMessage]:
    """The calls of a round that are whole; one that was cut off is not made."""
    if done.reason is not Reason.TOOL_CALL:
        return []
    return [message for message in done.messages if message.recipient is not None]


def _worth_keeping(done: Done) -> list[ParsedMessage]:
    is_whole = done.reason is Reason.TOOL_CALL
    return [each for each in done.messages if (is_whole if each.recipient else each.text)]


def _as_message(said: ParsedMessage) -> Assistant:
    return Assistant(said.text, said.channel, said.recipient, said.content_type)


def _brought(messages: Sequence[Message]) -> Iterable[Function]:
    for message in messages:
        if isinstance(message, Developer):
            yield from message.tools
