"""What a script may ask for, and what that is in messages, settings and demands.

Knows the names of options; each is checked by whoever knows its meaning below.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Literal, TypedDict, get_type_hints

from ossia.api.functions import Function, FunctionTool, tool
from ossia.api.reply import Parse
from ossia.base import settings as environment
from ossia.base.errors import InputError
from ossia.chat import Demands, NamedTool, Settings, Terms, ToolChoice
from ossia.harmony import (
    Assistant,
    Developer,
    Effort,
    Message,
    ResponseFormat,
    System,
    Tool,
    ToolResult,
    User,
)
from ossia.harmony.messages import FUNCTIONS

Said = str | Sequence[Message | Mapping[str, str]]
"""One question, or a conversation: harmony's messages, or dicts with a role and a content."""


class Options(TypedDict, total=False):
    """How to answer; what is left out is as the model was trained.

    Attributes:
        system: instructions for the whole conversation.
        effort: how long to reason.
        tools: functions that the model may call, or descriptions of them.
        tool_choice: whether it calls, or the name of the one that it must call.
        schema: a JSON Schema, or a type (pydantic model, dataclass, ``list[int]``), that the
            answer must follow.
        temperature, top_p, top_k, min_p, repetition_penalty, presence_penalty, frequency_penalty,
        logit_bias, seed, max_tokens: see ``ossia.chat.Settings``.
        stop: strings that end the answer.
        reasoning_limit: most tokens of reasoning; 0 is none.
        client, priority, timeout: see ``ossia.chat.Terms``.
    """

    system: str | None
    effort: Literal["low", "medium", "high"]
    tools: Sequence[Function | FunctionTool | Tool]
    tool_choice: str
    schema: Any
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    repetition_penalty: float
    presence_penalty: float
    frequency_penalty: float
    logit_bias: Mapping[int, float]
    seed: int | None
    max_tokens: int | None
    stop: str | Sequence[str]
    reasoning_limit: int | None
    client: str
    priority: int
    timeout: float | None


@dataclass(frozen=True)
class Asked:
    """The same as the rooms below want it."""

    messages: tuple[Message, ...]
    settings: Settings
    demands: Demands
    terms: Terms
    functions: Mapping[str, FunctionTool]
    parse: Parse | None


def understand(said: Said, options: Options) -> Asked:
    """What a script asks for.

    Raises:
        InputError: it says something twice, or what nobody understands.
    """
    _check_names(options)
    functions, tools = _tools(options.get("tools", ()))
    response_format, parse = _format(options.get("schema"))
    return Asked(
        messages=_messages(said, options, tools, response_format),
        settings=settings_of(options),
        demands=Demands(
            tool_choice=_choice(options.get("tool_choice", ToolChoice.AUTO)),
            strict_tools=frozenset(functions),
            reasoning_limit=options.get("reasoning_limit"),
            stop=_stop(options.get("stop", ())),
        ),
        terms=Terms(**_known(options, Terms)),
        functions=functions,
        parse=parse,
    )


def settings_of(options: Options) -> Settings:
    """How tokens are chosen.

    Raises:
        InputError: a value is out of its range.
    """
    values = _known(options, Settings)
    if "logit_bias" in values:
        values["logit_bias"] = tuple(values["logit_bias"].items())
    return Settings(**values)


def _known(options: Options, kind: type[Any]) -> dict[str, Any]:
    """The options that are fields of a dataclass."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in options.items() if name in names}


def _check_names(options: Options) -> None:
    known = get_type_hints(Options)
    for name in options:
        if name not in known:
            raise InputError(f"no option {name!r:.40}; there are: {', '.join(known)}")


def _messages(
    said: Said, options: Options, tools: tuple[Tool, ...], response_format: ResponseFormat | None
) -> tuple[Message, ...]:
    """The conversation with what the options put before it."""
    given: list[Message] = [User(said)] if isinstance(said, str) else [_message(m) for m in said]
    if not given:
        raise InputError("there is no message to answer")
    head: list[Message] = []
    if not isinstance(given[0], System):
        today = environment.current_date() or date.today().isoformat()
        head.append(System(Effort(_effort(options.get("effort", "medium"))), today))
    elif "effort" in options:
        raise InputError("the effort is in the system message already; give it once")
    developer = Developer(options.get("system"), tools, response_format)
    if developer != Developer():
        if any(isinstance(message, Developer) for message in given):
            raise InputError(
                "the conversation has a developer message; put instructions, tools and schema there"
            )
        given.insert(1 if isinstance(given[0], System) else 0, developer)
    return (*head, *given)


def _message(value: Message | Mapping[str, str]) -> Message:
    if isinstance(value, System | Developer | User | Assistant | ToolResult):
        return value
    kinds: dict[str, Callable[[str], Message]]
    kinds = {"user": User, "assistant": Assistant, "system": Developer, "developer": Developer}
    content = value.get("content") if isinstance(value, Mapping) else None
    if not isinstance(content, str) or value.get("role") not in kinds or len(value) != 2:
        raise InputError(
            f"{value!r:.80} is no message; expected one of ossia.harmony's, or "
            "{'role': 'user', 'content': '...'}"
        )
    return kinds[value["role"]](content)


def _effort(word: str) -> str:
    if word not in list(Effort):
        raise InputError(f"no effort {word!r:.40}; expected {', '.join(Effort)}")
    return word


def _tools(
    given: Sequence[Function | FunctionTool | Tool],
) -> tuple[dict[str, FunctionTool], tuple[Tool, ...]]:
    functions: dict[str, FunctionTool] = {}
    tools: list[Tool] = []
    for each in given:
        if isinstance(each, Tool):
            tools.append(each)
            continue
        found = each if isinstance(each, FunctionTool) else tool(each)
        functions[f"{FUNCTIONS}.{found.tool.name}"] = found
        tools.append(found.tool)
    return functions, tuple(tools)


def _format(schema: Any) -> tuple[ResponseFormat | None, Parse | None]:
    if schema is None:
        return None, None
    if isinstance(schema, Mapping):
        return ResponseFormat("answer", schema), Parse()
    from pydantic import PydanticUserError, TypeAdapter

    if inspect.isroutine(schema):
        raise InputError(f"no schema can be made of a function; it is {schema!r:.80}")
    try:
        document = TypeAdapter(schema).json_schema()
    except PydanticUserError as error:
        raise InputError(f"no schema can be made of {schema!r:.80}: {error.message:.120}") from None
    name = getattr(schema, "__name__", "answer")
    return ResponseFormat(name, document), Parse(schema)


def _choice(word: str) -> ToolChoice | NamedTool:
    return ToolChoice(word) if word in list(ToolChoice) else NamedTool(f"{FUNCTIONS}.{word}")


def _stop(stop: str | Sequence[str]) -> tuple[str, ...]:
    return (stop,) if isinstance(stop, str) else tuple(stop)
