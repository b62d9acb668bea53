"""A request's JSON against its schema, and what is wrong with it in a line.

Knows pydantic's errors; knows no dialect.
"""

import re
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ossia.server.errors import RequestError

Schema = TypeVar("Schema", bound=BaseModel)

_Loc = tuple[int | str, ...]

_TYPES = {
    "bool_type": "true or false",
    "dict_type": "an object",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "an object",
    "string_type": "text",
}

_BEGINNING = re.compile("(Input should be|(List|String) should have) ")


def validated(kind: type[Schema], document: Any) -> Schema:
    """The request that a document holds.

    Raises:
        RequestError: 400 with the field that is wrong, what was expected and what was found.
    """
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise _refusal(error, document) from None


def field_name(path: Iterable[int | str]) -> str:
    """A place in a request, such as ``messages[0].content``."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return name.removeprefix(".")


def missing(name: str) -> RequestError:
    """A field that has to be there."""
    return RequestError(400, f"{name} is missing", "missing_required_parameter", name)


def wrong(name: str, what: str, code: str = "invalid_value") -> RequestError:
    """A field that says what cannot be done."""
    return RequestError(400, f"{name}: {what}", code, name)


def _refusal(error: ValidationError, document: Any) -> RequestError:
    """Of several faults one: where the reader got furthest; all that were expected there."""
    faults = error.errors(include_url=False)
    found = [(_path(each["loc"], document, each["type"]), each) for each in faults]
    path = max((path for path, _ in found), key=len)
    faults = [fault for other, fault in found if other == path]
    name = field_name(path)
    if faults[0]["type"] == "missing":
        return missing(name)
    wanted = dict.fromkeys(_wanted(fault["type"], fault["msg"]) for fault in faults)
    message = f"{name or 'the body'}: expected {' or '.join(wanted)}; {_shown(faults[0]['input'])}"
    is_type = all(fault["type"].endswith("_type") for fault in faults)
    return RequestError(400, message, "invalid_type" if is_type else "invalid_value", name or None)


def _path(loc: _Loc, document: Any, kind: str) -> _Loc:
    """The place in the document, without the names of what pydantic tried there."""
    path: list[int | str] = []
    for number, part in enumerate(loc):
        is_missing = kind == "missing" and number == len(loc) - 1
        if isinstance(document, dict) and (part in document or is_missing):
            document = document.get(part)
        elif isinstance(document, list) and isinstance(part, int) and part < len(document):
            document = document[part]
        else:
            continue
        path.append(part)
    return tuple(path)


def _wanted(kind: str, message: str) -> str:
    """What was expected: a type in words of JSON, else of pydantic's sentence the end."""
    return _TYPES.get(kind) or _BEGINNING.sub("", message).partition(" after validation")[0]


def _shown(value: Any) -> str:
    match value:
        case None:
            return "found null"
        case dict():
            return "found an object"
        case list():
            return f"found a list of {len(value)}"
    return f"found {value!r:.60}"
