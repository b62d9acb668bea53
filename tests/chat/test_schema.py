"""Schemas: every keyword is known or refused by its name, before anything is made."""

import json

import pytest

from ossia.base.errors import InputError
from ossia.chat.schema import check_schema

DEEP: dict = {}
for _ in range(100):
    DEEP = {"items": DEEP}
ENDLESS: dict = {}
ENDLESS["items"] = ENDLESS


def test_a_plain_schema_stays_as_it_is() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": ["string", "null"]}, "b": {"$ref": "#/$defs/b~1c"}},
        "required": ["a"],
        "additionalProperties": False,
        "$defs": {"b/c": {"enum": [1, "x", None]}},
    }
    assert json.loads(check_schema(schema)) == schema


def test_annotations_say_nothing_to_the_grammar() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.com/x",
        "title": "T",
        "description": "d",
        "default": 1,
        "examples": [1],
        "type": "integer",
    }
    assert json.loads(check_schema(schema)) == {"type": "integer"}


@pytest.mark.parametrize(
    "keyword",
    [
        *("not", "if", "then", "else", "contains", "minContains", "uniqueItems", "propertyNames"),
        *("dependentRequired", "dependentSchemas", "dependencies", "unevaluatedItems"),
        *("unevaluatedProperties", "$dynamicRef", "$dynamicAnchor", "$anchor", "$recursiveRef"),
        *("additionalItems", "contentEncoding", "contentMediaType", "contentSchema", "nullable"),
        *("discriminator", "x-guidance", "extends", "disallow", "foo", "id", "$vocabulary", "typ"),
    ],
)
@pytest.mark.parametrize("place", ["#", "inside"])
def test_a_keyword_that_is_not_enforced_is_refused_by_name(keyword: str, place: str) -> None:
    schema = {"type": "string", keyword: {}}
    if place == "inside":
        schema = {"properties": {"a": {"anyOf": [{"items": schema}]}}}
    with pytest.raises(InputError, match=rf"keyword '{keyword.replace('$', '.')}' at #"):
        check_schema(schema)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (3, "a JSON object"),
        ([], "a JSON object"),
        ({"const": float("nan")}, "not JSON"),
        ({"const": {1, 2}}, "not JSON"),
        (ENDLESS, "not JSON"),
        (DEEP, "nested deeper than 64"),
        ({"$schema": "http://json-schema.org/draft-04/schema#"}, r"'\$schema'"),
        ({"properties": {"a": {"$id": "x"}}}, r"'\$id'"),
        ({"type": "any"}, "a JSON type"),
        ({"type": []}, "a JSON type"),
        ({"type": ["string", 3]}, "a JSON type"),
        ({"enum": []}, "a list of values"),
        ({"enum": ["\u0001"]}, "without control characters"),
        ({"const": "\ud800"}, "without control characters"),
        ({"const": 2**60}, r"2\*\*53"),
        ({"minimum": True}, "a number"),
        ({"exclusiveMaximum": True, "maximum": 3}, "a number"),
        ({"minimum": 2**53 + 1}, r"2\*\*53"),
        ({"minimum": 1234567890.5}, "15 digits"),
        ({"maximum": 0.1 + 0.2}, "15 digits"),
        ({"multipleOf": 0}, "a number"),
        ({"minLength": -1}, "a count"),
        ({"minLength": 1.0}, "a count"),
        ({"maxItems": 10**9}, "a count"),
        ({"minProperties": 2}, "at most 1, or as many as are required"),
        ({"required": "a"}, "a list of names"),
        ({"required": ["\u0001"]}, "a list of names"),
        ({"properties": {"\u0001": {}}}, "control characters"),
        ({"properties": []}, "an object of schemas"),
        ({"items": [{}]}, "a schema is an object or a boolean"),
        ({"anyOf": []}, "a list of schemas"),
        ({"anyOf": {}}, "a list of schemas"),
        ({"pattern": "a(?=b)"}, "cannot be enforced"),
        ({"patternProperties": {"(?i)a": {}}}, "cannot be enforced"),
        ({"patternProperties": {".": {}, r"[^\n\r\u2028\u2029]": {}}}, "two patterns are the same"),
        ({"format": "uri-template"}, "formats that can be enforced"),
        ({"$ref": "http://example.com/x"}, "a pointer"),
        ({"$ref": "#/$defs/missing"}, "a pointer"),
        ({"$ref": "#/default", "default": {"type": "string"}}, "a pointer"),
        ({"$ref": "#"}, "without end"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "without end"),
        ({"type": "array", "items": {"$ref": "#"}, "minItems": 1}, "without end"),
        ({"anyOf": [{"$ref": "#"}, {"$ref": "#/anyOf/0"}]}, "without end"),
        ({"allOf": [{"$ref": "#/allOf/0"}]}, "without end"),
    ],
)
def test_what_is_no_schema_is_refused(schema: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_schema(schema)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"$ref": "#"}}},
        {"type": ["object", "null"], "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"type": "array", "items": {"$ref": "#"}},
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#"}, "minItems": 2}]},
    ],
)
def test_a_schema_that_can_end_may_refer_to_itself(schema: dict) -> None:
    check_schema(schema)
