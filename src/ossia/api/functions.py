"""Python functions as tools: their schema from the signature, their arguments from the model.

Knows signatures, docstrings and JSON; pydantic, which is loaded when it is needed, checks values.
"""

import asyncio
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, get_args, get_origin

from ossia.base.errors import InputError
from ossia.harmony import Tool

Function = Callable[..., Any]

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_SECTION = re.compile(r"^(?:Args|Arguments|Parameters):\n((?:[ \t]+.*(?:\n|$)|\n)+)", re.MULTILINE)
_ARGUMENT = re.compile(r"\*{0,2}(\w+)(?: *\([^)]*\))?:\s*(.*)", re.DOTALL)


@dataclass(frozen=True)
class FunctionTool:
    """A function that the model may call.

    Attributes:
        names: of its arguments, by the names of the fields that hold them.
        arguments: a pydantic model class that checks them.
    """

    tool: Tool
    function: Function
    names: Mapping[str, str]
    arguments: Any

    @property
    def is_coroutine(self) -> bool:
        """Whether only an event loop can call it."""
        called = self.function.func if isinstance(self.function, partial) else self.function
        methods = (called, getattr(called, "__call__", None))  # noqa: B004
        return any(map(inspect.iscoroutinefunction, methods))

    def call(self, text: str) -> str:
        """What the function says to arguments as the model wrote them.

        Arguments that do not fit, and what the function raises, are an answer too: the model reads
        what was wrong, and may mend it.
        """
        values = self._values(text)
        if isinstance(values, str):
            return values
        try:
            return _told(self.function(**values))
        except Exception as error:
            return _failure(error)

    async def acall(self, text: str) -> str:
        """The same for event loops: a coroutine is awaited, a plain function has its own thread."""
        if not self.is_coroutine:
            return await asyncio.to_thread(self.call, text)
        values = self._values(text)
        if isinstance(values, str):
            return values
        try:
            return _told(await self.function(**values))
        except Exception as error:
            return _failure(error)

    def _values(self, text: str) -> dict[str, Any] | str:
        """The arguments by their names, or what is wrong with them."""
        from pydantic import ValidationError

        try:
            checked = self.arguments.model_validate_json(text or "{}")
        except ValidationError as error:
            found = error.errors(include_url=False)
            return "error: " + "; ".join(
                f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}" for each in found
            )
        return {name: getattr(checked, field) for field, name in self.names.items()}


def tool(function: Function) -> FunctionTool:
    """A function as a tool: its name, the first lines of its docstring, and its arguments.

    Types may be whatever pydantic takes. ``Annotated[str, "what it is"]`` describes an argument,
    and so does its line under ``Args:`` in the docstring.

    Raises:
        InputError: an argument has no type, or the function takes any number of them.
    """
    from pydantic import ConfigDict, Field, PydanticUserError, create_model

    from ossia.api.schemas import Generator

    named = function.func if isinstance(function, partial) else function
    name = getattr(named, "__name__", type(named).__name__)
    text = inspect.getdoc(named) or ""
    described = _described(text)
    fields: dict[str, Any] = {}
    parameters = _parameters(function, name)
    for number, (argument, parameter) in enumerate(parameters.items()):
        default = ... if parameter.default is parameter.empty else parameter.default
        about = _annotated(parameter.annotation) or described.get(argument)
        # A field may not be called whatever an argument may; its alias may.
        field = Field(default, alias=argument, description=about)
        fields[f"argument_{number}"] = (parameter.annotation, field)
    try:
        arguments = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
        schema = arguments.model_json_schema(schema_generator=Generator)
    except PydanticUserError as error:
        raise InputError(f"{name} cannot be a tool: {error.message.splitlines()[0]:.160}") from None
    described_tool = Tool(name, text.partition("\n\n")[0], schema)
    names = dict(zip(fields, parameters, strict=True))
    return FunctionTool(described_tool, function, names, arguments)


def _parameters(function: Function, name: str) -> Mapping[str, inspect.Parameter]:
    """What a function takes, each with its type."""
    try:
        parameters = inspect.signature(function, eval_str=True).parameters
    except (TypeError, ValueError, NameError, AttributeError, SyntaxError) as error:
        raise InputError(
            f"{function!r:.80} cannot be a tool ({error!s:.80}); expected a function with types"
        ) from None
    for parameter in parameters.values():
        if parameter.kind not in _NAMED or parameter.annotation is parameter.empty:
            raise InputError(
                f"{name}({parameter}) cannot be a tool: every argument needs a name and a type, "
                "such as city: str"
            )
    return parameters


def _annotated(hint: Any) -> str | None:
    """What ``Annotated`` says in words."""
    if get_origin(hint) is not Annotated:
        return None
    return next((part for part in get_args(hint)[1:] if isinstance(part, str)), None)


def _described(docstring: str) -> dict[str, str]:
    """What a docstring says under ``Args:`` about each argument."""
    section = _SECTION.search(docstring)
    if section is None:
        return {}
    lines = inspect.cleandoc("\n" + section[1]).splitlines()
    entries: list[str] = []
    for line in lines:
        if line[:1].isspace() and entries:
            entries[-1] += " " + line.strip()
        else:
            entries.append(line)
    found = (_ARGUMENT.fullmatch(entry) for entry in entries)
    return {match[1]: match[2].strip() for match in found if match}


def _told(said: Any) -> str:
    """A function's result as the model reads it: text as it is, anything else as JSON."""
    if isinstance(said, str):
        return said
    from pydantic_core import to_json

    return to_json(said, fallback=str).decode()


def _failure(error: Exception) -> str:
    return f"error: {type(error).__name__}: {error}"
