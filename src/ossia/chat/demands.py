"""What one answer must be, beyond how its tokens are chosen (``Settings``).

Tools and the form of the answer stand in the conversation, where the model sees them; here is what
of it is enforced. It knows messages and harmony's rules; it knows no tokens.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ossia.base.errors import InputError
from ossia.harmony import Channel, Developer, Message, System
from ossia.harmony.envelope import Callee, Grammar, Rules
from ossia.harmony.messages import FUNCTIONS

_ANY_ARGUMENTS = {"type": "object"}


class ToolChoice(StrEnum):
    """Whether the model calls tools."""

    NONE = "none"
    AUTO = "auto"
    REQUIRED = "required"


@dataclass(frozen=True)
class NamedTool:
    """The choice of one tool, which the model must call.

    Attributes:
        recipient: as a call names it, such as ``functions.get_weather``.
    """

    recipient: str


@dataclass(frozen=True)
class Demands:
    """What is enforced in one answer.

    A response format in the conversation is always enforced, and arguments of functions are always
    one JSON object.

    Attributes:
        tool_choice: whether, or whom, the model calls.
        strict_tools: recipients whose arguments have to match their schema.
        reasoning_limit: tokens of reasoning, 0 for none; None is as many as the model likes.
        stop: strings that end the answer where the model says one of them to the user; they are
            not part of it. They are not looked for in reasoning and calls.
        is_enveloped: False lets the model write what it wants, well-formed or not, and enforces
            nothing: to see what the model does by itself.

    Raises:
        InputError: a value is out of its range.
    """

    tool_choice: ToolChoice | NamedTool = ToolChoice.AUTO
    strict_tools: frozenset[str] = frozenset()
    reasoning_limit: int | None = None
    stop: tuple[str, ...] = ()
    is_enveloped: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.tool_choice, ToolChoice | NamedTool):
            raise InputError(f"{self.tool_choice!r:.40} is no ToolChoice and no NamedTool")
        if isinstance(self.stop, str):
            raise InputError(f"stop is a tuple of strings; it is the string {self.stop!r:.40}")
        if self.reasoning_limit is not None and self.reasoning_limit < 0:
            raise InputError(f"reasoning_limit must be at least 0; it is {self.reasoning_limit}")
        if not all(self.stop):
            raise InputError("a stop string is empty, so that every answer would be")


def rules_of(
    messages: Sequence[Message],
    demands: Demands,
    compile_schema: Callable[[Mapping[str, Any]], Grammar],
) -> Rules:
    """The rules for the answer to a conversation.

    Raises:
        InputError: a schema cannot be enforced, or a tool is demanded that nobody offers.
    """
    offered = list(_callees(messages, demands.strict_tools, compile_schema))
    names = {callee.recipient for callee in offered}
    choice = demands.tool_choice
    missing = demands.strict_tools - names
    if isinstance(choice, NamedTool):
        missing |= {choice.recipient} - names
        offered = [callee for callee in offered if callee.recipient == choice.recipient]
    elif choice is ToolChoice.NONE:
        offered = []
    if missing:
        raise InputError(f"the conversation offers no tool {min(missing)!r:.80}")
    must_call = choice not in (ToolChoice.NONE, ToolChoice.AUTO)
    if must_call and not offered:
        raise InputError("a call is required and the conversation offers no tool")
    formats = [m.response_format for m in messages if isinstance(m, Developer)]
    answer = compile_schema(formats[-1].schema) if formats and formats[-1] else None
    return Rules(tuple(offered), must_call, demands.reasoning_limit, answer)


def _callees(
    messages: Sequence[Message],
    strict: frozenset[str],
    compile_schema: Callable[[Mapping[str, Any]], Grammar],
) -> Iterator[Callee]:
    trained = (Channel.ANALYSIS, Channel.COMMENTARY)
    for message in messages:
        match message:
            case System(tools=namespaces):
                for space in namespaces:
                    for tool in space.tools:
                        grammar = compile_schema(_ANY_ARGUMENTS)
                        yield Callee(f"{space.name}.{tool.name}", trained, "code", grammar)
                    if not space.tools:
                        yield Callee(space.name, trained, "code")
            case Developer(tools=tools):
                for tool in tools:
                    name = f"{FUNCTIONS}.{tool.name}"
                    schema = tool.parameters if name in strict else None
                    grammar = compile_schema(schema or _ANY_ARGUMENTS)
                    yield Callee(name, grammar=grammar)
