"""Tools as TypeScript: as openai-harmony writes them; each wilful difference has a test."""

import json
from typing import Any

import openai_harmony as oh
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.harmony.oracle import parameters, tools

from ossia.base.errors import ConversationError
from ossia.harmony import Namespace, Tool
from ossia.harmony.tool_types import MAX_DEPTH, tools_section

STRING = {"type": "string"}
NUMBER = {"type": "integer"}


def section(*given_tools: Tool) -> str:
    return tools_section([Namespace("functions", tools=given_tools)])


def arguments(schema: Any) -> str:
    """What a function's parameters are turned into."""
    text = section(Tool("f", "", schema))
    return text.partition("type f = (")[2].partition(") => any;\n\n}")[0]


def member(schema: Any, **more: Any) -> str:
    """The type of a member ``a``."""
    text = arguments({"type": "object", "properties": {"a": schema}, "required": ["a"], **more})
    return text.removeprefix("_: {\n").removesuffix("\n}")


def oracle_section(encoding: Any, *given_tools: Tool) -> str:
    content = oh.DeveloperContent.new().with_function_tools(
        [oh.ToolDescription.new(t.name, t.description, t.parameters) for t in given_tools]
    )
    message = oh.Message.from_role_and_content(oh.Role.DEVELOPER, content)
    text = encoding.decode_utf8(encoding.render(message))
    return str(text.removeprefix("<|start|>developer<|message|>").removesuffix("<|end|>"))


@pytest.mark.o200k
@given(st.lists(tools, min_size=1, max_size=3))
@settings(max_examples=300)
def test_any_sensible_schema_reads_as_openai_harmonys(oracle, given_tools) -> None:
    assert section(*given_tools) == oracle_section(oracle, *given_tools)


def test_the_example_of_the_format() -> None:
    """OpenAI's format.md, "Function calling"."""
    unit = {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"}
    city = {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}
    weather = {"type": "object", "properties": {"location": city, "format": unit}}
    text = section(
        Tool("get_location", "Gets the location of the user."),
        Tool("get_current_weather", "Gets the weather.", weather | {"required": ["location"]}),
    )
    assert text == (
        "# Tools\n\n## functions\n\nnamespace functions {\n\n"
        "// Gets the location of the user.\ntype get_location = () => any;\n\n"
        "// Gets the weather.\ntype get_current_weather = (_: {\n"
        "// The city and state, e.g. San Francisco, CA\nlocation: string,\n"
        'format?: "celsius" | "fahrenheit", // default: celsius\n}) => any;\n\n'
        "} // namespace functions"
    )


# ------------------------------------------ differences from openai-harmony, and their reasons


@pytest.mark.parametrize(
    "schema", [None, {}, {"type": "object"}, {"type": "object", "properties": {}}]
)
def test_a_function_without_arguments_takes_none(schema) -> None:
    """format.md and the checkpoint's template write ``()``; openai-harmony ``(_: {})``."""
    assert arguments(schema) == ""


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "null"}, "null"),
        ({"anyOf": [STRING, {"type": "null"}]}, "string | null"),
        ({"anyOf": [STRING, STRING, NUMBER]}, "string | number"),
        ({"const": "x"}, '"x"'),
        ({"enum": [1, "a", None, True]}, '1 | "a" | null | true'),
        ({"type": "integer", "enum": [1, 2]}, "1 | 2"),
        ({"properties": {"b": STRING}}, "{\n    b?: string,\n    }"),
        ({"items": STRING}, "string[]"),
    ],
)
def test_what_openai_harmony_calls_any_has_its_type(schema, kind) -> None:
    assert member(schema) == f"a: {kind},"


@pytest.mark.parametrize(
    ("items", "kind"),
    [
        ({"type": "string", "enum": ["a", "b"]}, '("a" | "b")[]'),
        ({"type": ["string", "null"]}, "(string | null)[]"),
        ({"type": "string", "nullable": True}, "(string | null)[]"),
        ({"type": "string", "enum": ["a | b"]}, '"a | b"[]'),
        ({"oneOf": [STRING, NUMBER]}, "(\n     | string\n     | number)[]"),
        ({"type": "array", "items": {"type": ["string", "null"]}}, "(string | null)[][]"),
        (
            {"type": "object", "description": "a | b", "properties": {"b": STRING}},
            "    // a | b\n{\n    b?: string,\n    }[]",
        ),
    ],
)
def test_a_list_of_several_types_has_parentheses(items, kind) -> None:
    """openai-harmony writes ``"a" | "b"[]``, which is one word or a list of the other."""
    assert member({"type": "array", "items": items}) == f"a: {kind},"


def test_tuples_have_places() -> None:
    assert member({"type": "array", "prefixItems": [STRING, NUMBER]}) == "a: [string, number],"


def test_types_in_a_list_keep_what_is_said_about_them() -> None:
    """openai-harmony writes the names of the types and nothing else."""
    assert member({"type": ["array", "null"], "items": STRING}) == "a: string[] | null,"
    object_or_null = {"type": ["object", "null"], "properties": {"b": STRING}}
    assert member(object_or_null) == "a: {\n    b?: string,\n    } | null,"
    assert member({"type": ["string", "null"], "enum": ["x", None]}) == 'a: "x" | null,'


def test_references_are_followed() -> None:
    """openai-harmony writes ``any``."""
    definitions = {"city": {"type": "string", "description": "Where"}, "a/b~c": NUMBER}
    assert member({"$ref": "#/$defs/city"}, **{"$defs": definitions}) == "// Where\na: string,"
    own = {"$ref": "#/definitions/city", "description": "Where to"}
    assert member(own, definitions=definitions) == "// Where to\na: string,"
    assert member({"$ref": "#/$defs/a~1b~0c"}, **{"$defs": definitions}) == "a: number,"
    assert member({"$ref": "#/$defs/none"}) == "a: any,"
    assert member({"$ref": "https://example.org/schema"}) == "a: any,"
    root = {
        "$ref": "#/$defs/all",
        "$defs": {"all": {"type": "object", "properties": {"b": STRING}}},
    }
    assert arguments(root) == "_: {\nb?: string,\n}"


def test_a_reference_to_itself_is_any_type() -> None:
    tree = {"type": "object", "properties": {"leaves": {"type": "array", "items": {"$ref": "#"}}}}
    assert arguments(tree | {"additionalProperties": False}) == (
        "_: {\nleaves?: {\n    leaves?: any[],\n    }[],\n}"
    )
    assert member({"$ref": "#/$defs/x"}, **{"$defs": {"x": {"$ref": "#/$defs/x"}}}) == "a: any,"
    assert arguments({"allOf": [{"$ref": "#"}], "type": "object"}) == ""


def test_all_of_several_schemas_is_one() -> None:
    both = {
        "allOf": [
            {"type": "object", "properties": {"b": STRING}, "required": ["b"]},
            {"properties": {"c": NUMBER}},
        ]
    }
    assert member(both) == "a: {\n    b: string,\n    c?: number,\n    },"


def test_an_object_of_several_forms_is_each_of_them() -> None:
    forms = [{"properties": {"b": STRING}, "required": ["b"]}, {"properties": {"c": NUMBER}}]
    assert (
        arguments({"type": "object", "anyOf": forms}) == "_: {\nb: string,\n} | {\nc?: number,\n}"
    )
    assert arguments({"type": "object", "oneOf": forms}) == (
        "_: \n | {\n   b: string,\n   }\n | {\n   c?: number,\n   }"
    )
    assert member({"type": "object", "anyOf": forms[:1]}) == "a: {\n    b: string,\n    },"


def test_a_reference_may_lead_into_a_list() -> None:
    """As zod-to-json-schema writes them."""
    choice = {"properties": {"b c": {"anyOf": [STRING, NUMBER]}}}
    assert member({"$ref": "#/$defs/x/properties/b%20c/anyOf/1"}, **{"$defs": {"x": choice}}) == (
        "a: number,"
    )
    for index in ("2", "-1", "x", "9" * 5000):
        assert member({"$ref": f"#/$defs/x/{index}"}, **{"$defs": {"x": [STRING]}}) == "a: any,"


def test_one_of_several_demands_does_not_hide_the_members() -> None:
    schema = {"type": "object", "properties": {"b": STRING}}
    demands = [{"required": ["b"]}, {"required": ["c"]}]
    for key in ("oneOf", "anyOf"):
        assert arguments(schema | {key: demands}) == "_: {\nb?: string,\n}"


def test_members_without_a_name_have_a_type() -> None:
    assert member({"type": "object", "additionalProperties": NUMBER}) == (
        "a: {\n    [key: string]: number,\n    },"
    )
    assert arguments({"type": "object", "additionalProperties": True}) == (
        "_: {\n[key: string]: any,\n}"
    )


def test_every_line_of_a_description_is_a_comment() -> None:
    """openai-harmony comments out the first one only."""
    schema = {"type": "string", "description": "one\r\ntwo\n\nthree", "title": "t\nu"}
    assert member(schema) == "// t\n// u\n//\n// one\n// two\n// \n// three\na: string,"
    variants = {"oneOf": [{"type": "string", "description": "one\ntwo"}, NUMBER]}
    assert member(variants) == "a:\n | string // one two\n | number\n,"


def test_descriptions_of_variants_are_all_there() -> None:
    """openai-harmony drops the first one's, and with it the member's when they are the same."""
    variants = [{"type": "string", "description": "a name"}, {"type": "integer"}]
    assert member({"oneOf": variants, "description": "who"}) == (
        "// who\na:\n | string // a name\n | number\n,"
    )
    assert member({"oneOf": variants, "description": "a name"}) == (
        "// a name\na:\n | string\n | number\n,"
    )


def test_names_and_values_are_spelled_as_typescript_has_them() -> None:
    """openai-harmony writes them as they are, so that a quote ends them."""
    odd = {"type": "object", "properties": {"my-key": {"enum": ['say "hi"']}, "두": STRING}}
    assert arguments(odd) == '_: {\n"my-key"?: "say \\"hi\\"",\n두?: string,\n}'
    said = {"type": "string", "default": 'a "b"', "examples": [{"b": 1}, "c"]}
    assert (
        member(said) == '// Examples:\n// - {"b":1}\n// - "c"\na: string, // default: "a \\"b\\""'
    )


@pytest.mark.parametrize("schema", [True, False, 3, "x", [], None, {"type": 7}, {"type": "??"}])
def test_what_is_no_schema_is_any_type(schema) -> None:
    assert member(schema) == "a: any,"


def test_a_schema_without_end_is_refused() -> None:
    doubling = {
        f"x{i}": {"type": "object", "properties": {n: {"$ref": f"#/$defs/x{i + 1}"} for n in "ab"}}
        for i in range(40)
    }
    with pytest.raises(ConversationError, match=r"tool f cannot .* more than 20,000 schemas"):
        member({"$ref": "#/$defs/x0"}, **{"$defs": doubling})
    deep: dict[str, Any] = {}
    for _ in range(MAX_DEPTH + 1):
        deep = {"type": "array", "items": deep}
    with pytest.raises(ConversationError, match=r"more than \d+ schemas lie within each other"):
        member(deep)
    for _ in range(MAX_DEPTH + 1):
        deep = {"allOf": [deep]}
    with pytest.raises(ConversationError, match=r"more than \d+ schemas lie within each other"):
        member(deep)


def test_values_that_are_no_json_are_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in ({1}, deep):
        with pytest.raises(ConversationError, match=r"tool f cannot be shown .* is no JSON"):
            member({"type": "string", "default": value})


KEYWORDS = (
    *("type", "properties", "items", "oneOf", "anyOf", "allOf", "$ref", "enum", "const", "x"),
    *("description", "required", "nullable", "additionalProperties", "prefixItems", "default"),
    *("title", "examples"),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["object", "#", "x", "array"]),
    lambda values: st.one_of(
        st.lists(values, max_size=3),
        st.dictionaries(
            st.sampled_from(KEYWORDS),
            values,
            max_size=5,
        ),
    ),
    max_leaves=20,
)


@given(json_values)
@settings(max_examples=300)
def test_no_json_at_all_breaks_it(schema) -> None:
    try:
        text = section(Tool("f", "does it", schema))
    except ConversationError:
        return
    assert text.startswith(
        "# Tools\n\n## functions\n\nnamespace functions {\n\n// does it\ntype f = ("
    )
    assert text.endswith(") => any;\n\n} // namespace functions")


@given(parameters)
@settings(max_examples=50)
def test_a_schema_is_only_read(schema) -> None:
    before = json.dumps(schema)
    section(Tool("f", "", schema))
    assert json.dumps(schema) == before
