"""What a script may ask for, and what that is in messages, settings and demands.

Knows the names of options; each is checked by whoever knows its meaning below.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, TypedDict, get_args, get_origin, get_type_hints

from ossia.api.conversation import Said, read_conversation, tool_of
from ossia.api.functions import Function, FunctionTool, tool
from ossia.api.reply import Parse
from ossia.base import settings as environment
from ossia.base.errors import InputError
from ossia.chat import Demands, NamedTool, Settings, Terms, ToolChoice
from ossia.harmony import Developer, Effort, Message, ResponseFormat, System, Tool
from ossia.harmony.messages import FUNCTIONS


class Options(TypedDict, total=False):
    """How to answer; what is left out is as the model was trained.

    Attributes:
        system: instructions for the whole conversation.
        effort: how long to reason.
        tools: functions that the model may call, or descriptions of them: ``ossia.Tool``, or dicts
            as OpenAI's APIs have them.
        tool_choice: whether it calls, or the name of the one that it must call.
        schema: a JSON Schema, or a type (pydantic model, dataclass, ``list[int]``), that the
            answer must follow.
        temperature, top_p, top_k, min_p, repetition_penalty, presence_penalty, frequency_penalty,
        logit_bias, seed, max_tokens, num_logprobs: see ``ossia.chat.Settings``.
        stop: strings that end the answer.
        reasoning_limit: most tokens of reasoning; 0 is none.
        client, priority, timeout: see ``ossia.chat.Terms``.
    """

    system: str | None
    effort: Literal["low", "medium", "high"]
    tools: Sequence[Function | FunctionTool | Tool | Mapping[str, Any]]
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
    num_logprobs: int | None
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
    _check(options)
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


def _check(options: Options) -> None:
    """Refuses names that are none, and values that cannot be what is meant."""
    known = get_type_hints(Options)
    for name, value in options.items():
        if name not in known:
            raise InputError(f"no option {name!r:.40}; there are: {', '.join(known)}")
        kinds = _kinds(known[name])
        if not isinstance(value, kinds):
            expected = " or ".join(_WORDS.get(kind, kind.__name__.lower()) for kind in kinds)
            raise InputError(f"{name} is {value!r:.40}; expected {expected}")


_WORDS = {Real: "a number", Integral: "a whole number", str: "text", NoneType: "None"}


def _kinds(hint: Any) -> tuple[type, ...]:
    """What the values of an option are instances of; numbers need not be Python's own."""
    origin = get_origin(hint)
    if origin is UnionType:
        return tuple(kind for part in get_args(hint) for kind in _kinds(part))
    if origin is Literal:
        return (str,)
    if hint is Any:
        return (object,)
    return ({float: Real, int: Integral}.get(hint) or origin or hint,)


def _messages(
    said: Said, options: Options, tools: tuple[Tool, ...], response_format: ResponseFormat | None
) -> tuple[Message, ...]:
    """The conversation with what the options put before it."""
    given = read_conversation(said)
    head: list[Message] = []
    if isinstance(given[0], System):
        head.append(given.pop(0))
        if "effort" in options:
            raise InputError("the effort is in the system message already; give it once")
    else:
        today = environment.current_date() or date.today().isoformat()
        head.append(System(Effort(_effort(options.get("effort", "medium"))), today))
    developer = Developer(options.get("system"), tools, response_format)
    match given:
        case _ if developer == Developer():
            pass
        case [Developer(str(), (), None) as told, *_] if developer.instructions is None:
            given[0] = replace(developer, instructions=told.instructions)
        case _ if any(isinstance(message, Developer) for message in given):
            raise InputError(
                "the conversation has a developer message; put instructions, tools and schema there"
            )
        case _:
            head.append(developer)
    return (*head, *given)


def _effort(word: str) -> str:
    if word not in list(Effort):
        raise InputError(f"no effort {word!r:.40}; expected {', '.join(Effort)}")
    return word


def _tools(
    given: Sequence[Function | FunctionTool | Tool | Mapping[str, Any]],
) -> tuple[dict[str, FunctionTool], tuple[Tool, ...]]:
    functions: dict[str, FunctionTool] = {}
    tools: dict[str, Tool] = {}
    for each in given:
        if isinstance(each, Mapping):
            found = tool_of(each)
        elif isinstance(each, Tool):
            found = each
        else:
            callee = each if isinstance(each, FunctionTool) else tool(each)
            found = callee.tool
            functions[f"{FUNCTIONS}.{found.name}"] = callee
        if found.name in tools:
            raise InputError(f"two tools are called {found.name!r:.60}; the model needs two names")
        tools[found.name] = found
    return functions, tuple(tools.values())


def _format(schema: Any) -> tuple[ResponseFormat | None, Parse | None]:
    if schema is None:
        return None, None
    if isinstance(schema, Mapping):
        return ResponseFormat("answer", schema), Parse()
    if inspect.isroutine(schema):
        raise InputError(f"no schema can be made of a function; it is {schema!r:.80}")
    from ossia.api.schemas import schema_of

    name = getattr(schema, "__name__", "answer")
    return ResponseFormat(name, schema_of(schema)), Parse(schema)


def _choice(word: str) -> ToolChoice | NamedTool:
    return ToolChoice(word) if word in list(ToolChoice) else NamedTool(f"{FUNCTIONS}.{word}")


def _stop(stop: str | Sequence[str]) -> tuple[str, ...]:
    return (stop,) if isinstance(stop, str) else tuple(stop)
