"""The tools of a request: which of them gpt-oss can be offered, and how their calls are named.

Functions within a namespace are offered too, under both names together. ``web_search`` and
``code_interpreter`` run on this server where its owner enabled them. Tools of other types run on
OpenAI's machines or in a form that gpt-oss was not trained with; they are left out and reported.
Source: OpenAI's API reference, the tools of a response.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ossia.base.errors import InputError
from ossia.chat import NamedTool, ToolChoice
from ossia.chat.schema import check_schema
from ossia.harmony import Tool, ToolNames
from ossia.server.toolsets import left_out, tool_named
from ossia.server.validation import missing, wrong

Json = dict[str, Any]


_FIRST = {"browser": "browser.search", "python": "python"}
"""Whom a model calls that must use a tool."""


@dataclass(frozen=True)
class Function:
    """One function that is offered."""

    name: str
    namespace: str | None
    description: str
    parameters: Json | None
    strict: bool

    @property
    def whole_name(self) -> str:
        """The name with its namespace."""
        return whole_name(self.namespace, self.name)


def whole_name(namespace: str | None, name: str) -> str:
    """A function's name, unique among all namespaces."""
    return f"{namespace}.{name}" if namespace else name


@dataclass(frozen=True)
class Toolbox:
    """The tools that a conversation has.

    Attributes:
        functions: those that the client runs.
        served: those that run here, by their names.
        warnings: what was left out, for the client.
        container_id: where the client wants its code to run; None leaves it to the server.
    """

    functions: tuple[Function, ...]
    served: tuple[str, ...]
    warnings: tuple[str, ...]
    container_id: str | None = None
    names: ToolNames = field(init=False)

    def __post_init__(self) -> None:
        names = ToolNames(function.whole_name for function in self.functions)
        object.__setattr__(self, "names", names)

    def server_tool(self, recipient: str) -> str | None:
        """The tool of the server that the model calls, if it is one."""
        space, _, _ = recipient.partition(".")
        return space if space in self.served else None

    def has(self, recipient: str) -> bool:
        """Whether the model calls a function that is offered."""
        outside = self.names.outside(recipient)
        return any(function.whole_name == outside for function in self.functions)

    def called(self, recipient: str) -> tuple[str | None, str]:
        """The namespace and the name of whom the model calls."""
        outside = self.names.outside(recipient)
        for function in self.functions:
            if function.whole_name == outside:
                return function.namespace, function.name
        return None, outside

    def offer(self, allowed: frozenset[str] | None) -> tuple[Tool, ...]:
        """The functions as the model is shown them; ``allowed`` are whole names, None is all."""
        return tuple(
            Tool(self.names.wire(each.whole_name), each.description, each.parameters)
            for each in self.functions
            if allowed is None or each.whole_name in allowed
        )

    def strict(self, allowed: frozenset[str] | None) -> frozenset[str]:
        """Recipients whose arguments must match their schema."""
        return frozenset(
            self.names.recipient(each.whole_name)
            for each in self.functions
            if each.strict and (allowed is None or each.whole_name in allowed)
        )


def toolbox(tools: list[Json], enabled: frozenset[str] = frozenset()) -> Toolbox:
    """The tools that can be offered.

    Args:
        enabled: names of the tools that run on this server.

    Raises:
        RequestError: one is not as its type has to be.
    """
    functions: dict[str, Function] = {}
    served: dict[str, Json] = {}
    warnings: list[str] = []
    for where, tool, namespace in _flat(tools):
        kind = tool.get("type")
        if kind != "function":
            if not isinstance(kind, str):
                raise missing(f"{where}.type") if kind is None else _expected(where, "type", "text")
            if (why := left_out(kind, enabled)) is not None:
                warnings.append(f"{where}: {why}")
            elif (own := tool_named(kind)) is not None:
                served.setdefault(own, tool)
            continue
        function = _function(tool, namespace, where)
        if function.whole_name in functions:
            name = function.whole_name
            warnings.append(f"{where}: another function has the name {name!r:.80}")
        functions.setdefault(function.whole_name, function)
    container = _container(served.get("python", {}), warnings)
    return Toolbox(tuple(functions.values()), tuple(served), tuple(warnings), container)


def echoed(tools: list[Json]) -> list[Json]:
    """The tools as a response tells them: functions with all their fields."""
    return [_echo(tool) for tool in tools]


@dataclass(frozen=True)
class Choice:
    """Whom the model may call.

    Attributes:
        allowed: whole names of functions, and names of tools of the server; None is all.
    """

    choice: ToolChoice | NamedTool = ToolChoice.AUTO
    allowed: frozenset[str] | None = None
    warnings: tuple[str, ...] = ()


def choice_of(told: Any, box: Toolbox, *, has_tools: bool) -> Choice:
    """What a request's ``tool_choice`` means.

    Raises:
        RequestError: it means nothing, or a function that is not there.
    """
    match told:
        case None:
            return Choice()
        case "required" if not box.functions and not box.served:
            if not has_tools:
                raise wrong("tool_choice", "required, and no tool is offered")
            return Choice(warnings=("tool_choice: required, and gpt-oss is offered no tool",))
        case "none" | "auto" | "required":
            return Choice(ToolChoice(told))
        case {"type": "function", "name": str(name), **more}:
            namespace = more.get("namespace")
            return Choice(NamedTool(box.names.recipient(_known(name, namespace, box))))
        case {"type": "allowed_tools", "tools": list(allowed), **more}:
            mode = more.get("mode", "auto")
            if mode in ("auto", "required"):
                return Choice(ToolChoice(mode), _allowed(allowed, box))
        case {"type": str(kind)} if (served := _served(kind, box)) is not None:
            return Choice(NamedTool(_FIRST[served]))
        case {"type": str(kind)} if kind not in ("function", "allowed_tools"):
            warning = f"tool_choice: tools of type {kind!r:.40} are not offered to gpt-oss"
            return Choice(warnings=(warning,))
    raise wrong("tool_choice", f"expected none, auto, required or one function; found {told!r:.80}")


def _container(tool: Json, warnings: list[str]) -> str | None:
    """Where code is to run: a container by its id, or any."""
    match tool.get("container"):
        case str(named):
            return named
        case {"type": "auto", **more}:
            left = sorted(str(name) for name, value in more.items() if value)
            if left:
                warnings.append(f"code_interpreter.container: {', '.join(left)} is left out")
        case None:
            pass
        case other:
            what = f"expected the id of a container, or type auto; found {other!r:.60}"
            raise wrong("tools.container", what)
    return None


def _flat(tools: list[Json]) -> Iterator[tuple[str, Json, str | None]]:
    """All tools with their places, those within namespaces too."""
    for index, tool in enumerate(tools):
        where = f"tools[{index}]"
        match tool:
            case {"type": "namespace", "name": str(name), "tools": list(inner)} if name:
                for number, part in enumerate(inner):
                    place = f"{where}.tools[{number}]"
                    if not isinstance(part, dict):
                        raise wrong(place, "expected an object", "invalid_type")
                    yield place, part, name
            case _:
                yield where, tool, None


def _function(tool: Json, namespace: str | None, where: str) -> Function:
    name, description = tool.get("name"), tool.get("description")
    parameters, strict = tool.get("parameters"), tool.get("strict")
    if name is None:
        raise missing(f"{where}.name")
    if not isinstance(name, str) or not 0 < len(name) <= 256:
        raise _expected(where, "name", "text of 1 to 256 characters")
    if not isinstance(description, str | None):
        raise _expected(where, "description", "text")
    if not isinstance(parameters, dict | None):
        raise _expected(where, "parameters", "an object")
    if not isinstance(strict, bool | None):
        raise _expected(where, "strict", "true or false")
    is_strict = _can_enforce(parameters) if strict is None else strict
    return Function(name, namespace, description or "", parameters, is_strict)


def _can_enforce(parameters: Json | None) -> bool:
    """Functions are strict where nothing is said, as far as their schema can be enforced."""
    try:
        check_schema(parameters or {"type": "object"})
    except InputError:
        return False
    return True


def _echo(tool: Json) -> Json:
    if tool.get("type") != "function":
        return tool
    usual = {
        "description": None,
        "parameters": None,
        "strict": _can_enforce(tool.get("parameters")),
    }
    return usual | {key: value for key, value in tool.items() if value is not None}


def _known(name: str, namespace: Any, box: Toolbox) -> str:
    """The whole name of a function, which may be named without its namespace."""
    whole = whole_name(namespace if isinstance(namespace, str) else None, name)
    found = [each.whole_name for each in box.functions if whole in (each.whole_name, each.name)]
    if not found:
        raise wrong("tool_choice", f"no function {whole!r:.80} is among the tools")
    return whole if whole in found else found[0]


def _served(kind: str, box: Toolbox) -> str | None:
    """The tool of the server that a type means, where it is offered."""
    name = tool_named(kind)
    return name if name in box.served else None


def _allowed(allowed: list[Any], box: Toolbox) -> frozenset[str]:
    left: set[str] = set()
    for tool in allowed:
        match tool:
            case {"type": str(kind)} if (served := _served(kind, box)) is not None:
                left.add(served)
            case {"type": "function", "name": str(name), **more}:
                left.add(_known(name, more.get("namespace"), box))
    if not left:
        raise wrong("tool_choice.tools", "no tool is allowed that is offered")
    return frozenset(left)


def _expected(where: str, name: str, what: str) -> Exception:
    return wrong(f"{where}.{name}", f"expected {what}", "invalid_type")
