"""Python functions as tools: their schema from the signature, their arguments from the model.

Knows signatures and JSON; pydantic, which is loaded when it is needed, checks values.
"""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from ossia.base.errors import InputError
from ossia.harmony import Tool

Function = Callable[..., Any]


@dataclass(frozen=True)
class FunctionTool:
    """A function that the model may call."""

    tool: Tool
    function: Function
    arguments: Any  # a pydantic model class

    def call(self, text: str) -> str:
        """What the function says to arguments as the model wrote them.

        Arguments that do not fit, and what the function raises, are an answer too: the model reads
        what was wrong, and may mend it.
        """
        from pydantic import ValidationError

        try:
            checked = self.arguments.model_validate_json(text or "{}")
        except ValidationError as error:
            found = error.errors(include_url=False)
            return "error: " + "; ".join(
                f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}" for each in found
            )
        values = {name: getattr(checked, name) for name in type(checked).model_fields}
        try:
            said = self.function(**values)
        except Exception as error:
            return f"error: {type(error).__name__}: {error}"
        return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False, default=str)


def tool(function: Function) -> FunctionTool:
    """A function as a tool: its name, the first lines of its docstring, and its arguments.

    Types may be whatever pydantic takes; ``Annotated[str, "what it is"]`` describes an argument.

    Raises:
        InputError: an argument has no type, or the function takes any number of them.
    """
    from pydantic import ConfigDict, Field, PydanticUserError, create_model

    name = getattr(function, "__name__", type(function).__name__)
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        is_named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if not is_named or parameter.name not in hints:
            raise InputError(
                f"{name}({parameter}) cannot be a tool: every argument needs a name and a type, "
                "such as city: str"
            )
        hint = hints[parameter.name]
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hint, Field(default, description=_description(hint)))
    try:
        arguments = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
        schema = arguments.model_json_schema()
    except PydanticUserError as error:
        raise InputError(f"{name} cannot be a tool: {error.message.splitlines()[0]:.160}") from None
    text = (inspect.getdoc(function) or "").partition("\n\n")[0]
    return FunctionTool(Tool(name, text, schema if fields else None), function, arguments)


def _description(hint: Any) -> str | None:
    """What ``Annotated`` says in words."""
    if get_origin(hint) is not Annotated:
        return None
    return next((part for part in get_args(hint)[1:] if isinstance(part, str)), None)
