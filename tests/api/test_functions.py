"""Functions as tools: schemas from signatures, arguments from a model, results to it."""

import asyncio
import functools
import threading
import warnings
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import jsonschema
import pytest

import ossia
from ossia.base.errors import InputError


def book(
    city: str,
    day: date,
    room: Annotated[Literal["single", "double"], "how many sleep there"] = "single",
    wishes: list[str] | None = None,
) -> str:
    """Books a room.

    It costs something, which the model need not know.

    Args:
        city: where it is,
            by its usual name.
        day: of arrival.
        wishes (list): such as a quiet room: see below.

    Returns:
        day: this is no argument.
    """
    return f"{city} {day:%d.%m.} {room} {wishes}"


def test_a_schema_says_what_signature_and_docstring_say() -> None:
    made = ossia.tool(book).tool
    assert (made.name, made.description) == ("book", "Books a room.")
    schema = made.parameters
    assert schema is not None
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["city", "day"]
    assert schema["additionalProperties"] is False
    told = {name: value.get("description") for name, value in schema["properties"].items()}
    assert told == {
        "city": "where it is, by its usual name.",
        "day": "of arrival.",
        "room": "how many sleep there",
        "wishes": "such as a quiet room: see below.",
    }
    assert "title" not in str(schema)


def test_arguments_are_what_the_types_say() -> None:
    called = ossia.tool(book).call('{"city": "Seoul", "day": "2026-03-01", "wishes": ["a"]}')
    assert called == "Seoul 01.03. single ['a']"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("{", "Invalid JSON"),
        ("[]", "arguments: "),
        ('{"city": "Seoul"}', "day: Field required"),
        ('{"city": "Seoul", "day": "soon"}', "day: Input should be a valid date"),
        ('{"city": "Seoul", "day": "2026-03-01", "pets": 1}', "pets: Extra inputs"),
    ],
)
def test_what_does_not_fit_is_told_to_the_model(arguments, words) -> None:
    assert ossia.tool(book).call(arguments).startswith("error: ")
    assert words in ossia.tool(book).call(arguments)


@pytest.mark.parametrize(
    "name", ["schema", "json", "copy", "model_config", "model_fields", "self_", "_hidden", "한글"]
)
def test_an_argument_may_be_called_anything(name) -> None:
    names: dict[str, Any] = {}
    exec(f"def act({name}: int): return {name} + 1", names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = ossia.tool(names["act"])
    assert list(made.tool.parameters["properties"]) == [name]
    assert made.call(f'{{"{name}": 4}}') == "5"


class Adder:
    """Adds."""

    def __init__(self, more: int) -> None:
        self.more = more

    def __call__(self, number: int) -> int:
        return number + self.more

    def method(self, number: int) -> int:
        return number + self.more


def _add(more: int, number: int) -> int:
    """Adds two."""
    return more + number


@pytest.mark.parametrize(
    ("called", "name"),
    [
        (Adder(2), "Adder"),
        (Adder(2).method, "method"),
        (functools.partial(_add, 2), "_add"),
        (functools.partial(_add, more=2), "_add"),
    ],
)
def test_whatever_can_be_called_may_be_a_tool(called, name) -> None:
    made = ossia.tool(called)
    assert made.tool.name == name
    assert made.call('{"number": 3}') == "5"


def test_a_tool_may_take_nothing() -> None:
    made = ossia.tool(_nothing)
    assert made.tool.parameters == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }
    assert made.call("") == made.call("{}") == "nothing"


def _nothing() -> str:
    return "nothing"


def test_a_default_that_is_no_json_is_left_out_of_the_schema() -> None:
    marker = object()

    def act(other: object = marker) -> str:
        return str(other is marker)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = ossia.tool(act)
    assert "default" not in made.tool.parameters["properties"]["other"]
    assert made.call("{}") == "True"


def _variadic(*numbers: int) -> int:
    return sum(numbers)


def _untyped(number):
    return number


def _nowhere(number: "Nowhere") -> int:  # noqa: F821
    return number


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (_variadic, "every argument needs a name and a type"),
        (_untyped, "every argument needs a name and a type"),
        (_nowhere, "'Nowhere' is not defined"),
        (int, "cannot be a tool"),
        (3, "cannot be a tool"),
        (lambda: 0, "cannot be the name of a tool"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_in_words(given, words) -> None:
    with pytest.raises(InputError, match=words):
        ossia.tool(given)


@dataclass
class Point:
    x: int
    when: date


_circle: list[Any] = []
_circle.append(_circle)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ("as it is", "as it is"),
        ([1, None], "[1,null]"),
        (Point(1, date(2026, 1, 2)), '{"x":1,"when":"2026-01-02"}'),
        ({"값": "서울"}, '{"값":"서울"}'),
        ({1, 2}, "[1,2]"),
        (None, "null"),
    ],
)
def test_results_are_text_or_json(result, told) -> None:
    def act() -> Any:
        return result

    assert ossia.tool(act).call("{}") == told


def test_what_goes_wrong_is_told_to_the_model() -> None:
    def fails() -> str:
        raise KeyError("no such room")

    def turns() -> Any:
        return _circle

    assert ossia.tool(fails).call("{}") == "error: KeyError: 'no such room'"
    assert "Circular reference" in ossia.tool(turns).call("{}")


def test_ctrl_c_in_a_function_is_no_result() -> None:
    def stopped() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ossia.tool(stopped).call("{}")


def test_coroutines_are_awaited_and_functions_hold_no_loop_up() -> None:
    async def later(number: int) -> int:
        await asyncio.sleep(0)
        return number + 1

    async def fails(number: int) -> int:
        raise ValueError(number)

    def where(number: int) -> bool:
        return number == 1 and threading.current_thread() is threading.main_thread()

    async def main() -> list[str]:
        said = [await ossia.tool(each).acall('{"number": 1}') for each in (later, fails, where)]
        return [*said, await ossia.tool(later).acall("{}")]

    assert asyncio.run(main()) == [
        "2",
        "error: ValueError: 1",
        "false",
        "error: number: Field required",
    ]
    assert ossia.tool(functools.partial(later)).is_coroutine
    assert not ossia.tool(where).is_coroutine
