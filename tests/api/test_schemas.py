"""Types as the form of answers: their schemas, and values of them made by nano."""

import enum
import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import jsonschema
import pydantic
import pytest
from typing_extensions import TypedDict  # pydantic takes Python's own from 3.12 on

import ossia
from ossia.api.reply import Parse
from ossia.api.schemas import schema_of
from ossia.base.errors import InputError


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Part:
    """A part."""

    colour: Colour
    count: Annotated[int, pydantic.Field(ge=1, le=3)]


class Thing(pydantic.BaseModel):
    parts: Annotated[list[Part], pydantic.Field(max_length=2)]
    title: Literal["a", "b"]


class Loose(pydantic.BaseModel, extra="allow"):
    kind: Literal["x"]


class Note(TypedDict):
    kind: Literal["x"]


class Sealed(pydantic.BaseModel):
    kind: Literal["x"]

    @pydantic.field_validator("kind")
    @classmethod
    def never(cls, _: str) -> str:
        raise ValueError("not today")


def test_a_schema_is_valid_closed_and_has_no_titles() -> None:
    schema = schema_of(Thing)
    jsonschema.Draft202012Validator.check_schema(schema)
    objects = [schema, *(d for d in schema["$defs"].values() if d.get("type") == "object")]
    assert len(objects) == 2
    assert all(each["additionalProperties"] is False for each in objects)
    assert set(schema["properties"]) == {"parts", "title"}  # a property of that name stays
    without = json.dumps(schema).replace('"title": {', "").replace('["parts", "title"]', "")
    assert '"title"' not in without


def test_who_allows_more_is_left_open() -> None:
    assert schema_of(Loose)["additionalProperties"] is True


@pytest.mark.parametrize(
    "kind",
    [
        Thing,
        Part,
        Colour,
        Literal["a", "b"],
        Literal["a"] | None,
        Annotated[list[bool], pydantic.Field(max_length=3)],
        tuple[bool, Literal[1]],
        bool,
    ],
    ids=str,
)
def test_an_answer_is_a_value_of_its_type(model, kind: Any) -> None:
    reply = model.chat("Say something.", schema=kind, reasoning_limit=0, seed=1)
    adapter = pydantic.TypeAdapter(kind)
    assert reply.parsed == adapter.validate_json(reply.text)
    jsonschema.validate(json.loads(reply.text), adapter.json_schema())
    assert reply.reason is ossia.Reason.STOP


def test_what_no_schema_says_is_told_in_words(model) -> None:
    for kind in (Sealed, Sealed | None):
        with pytest.raises(ossia.OssiaError, match=r"follows the schema.*not today"):
            Parse(kind)('{"kind": "x"}')
    with pytest.raises(ossia.OssiaError, match="not today"):
        model.chat("Say something.", schema=Sealed, reasoning_limit=0, seed=1)


def test_what_python_cannot_hold_is_told_in_words() -> None:
    with pytest.raises(ossia.OssiaError, match="no value of Python's"):
        Parse()("9" * 5000)
    with pytest.raises(ossia.OssiaError, match="no value of Python's"):
        Parse()("[" * 200_000)


@pytest.mark.parametrize("kind", [3, "Nowhere", Part(Colour.RED, 1), lambda: 0])
def test_what_has_no_schema_is_refused_in_words(model, kind) -> None:
    with pytest.raises(InputError, match="no schema can be made"):
        model.chat("x", schema=kind)


def test_a_typed_dict_is_closed() -> None:
    assert schema_of(Note)["additionalProperties"] is False
