"""Structured output: nothing invalid is ever accepted, with ``jsonschema`` as the judge."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import islice, permutations, product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from ossia.base.errors import InputError
from ossia.chat.structured import Grammars, SchemaGrammar
from ossia.tokenizer import Tokenizer, load_tokenizer

SUITE = Path(__file__).parents[1] / "golden" / "json_schema" / "draft2020-12.json"
FORMATS = FormatChecker(["date", "ipv4", "ipv6", "uuid", "email"])
FORMATS.checks("date-time", ValueError)(
    lambda v: not isinstance(v, str) or bool(datetime.fromisoformat(v))
)
FORMATS.checks("time", ValueError)(
    lambda v: not isinstance(v, str) or bool(datetime.fromisoformat(f"2000-01-01T{v}"))
)


@pytest.fixture(scope="module")
def tokenizer(harmony_json: Path) -> Tokenizer:
    return load_tokenizer(json=harmony_json)


@pytest.fixture(scope="module")
def grammars(tokenizer: Tokenizer) -> Grammars:
    return Grammars(tokenizer)


def accepts(grammar: SchemaGrammar, tokenizer: Tokenizer, text: str) -> bool:
    """Whether the grammar's language holds a text, whole."""
    matcher = grammar.matcher.deep_copy()
    return matcher.consume_tokens(tokenizer.encode(text)) and matcher.is_accepting()


def admits(grammar: SchemaGrammar, tokenizer: Tokenizer, text: str) -> bool:
    """The same, asked of the masks, token by token as the engine does."""
    state = grammar.start()
    for token_id in tokenizer.encode(text):
        if not state.mask()[token_id]:
            return False
        state.accept(token_id)
    return state.is_complete


def orders(value: Any) -> Iterator[Any]:
    """A value with the members of its objects in other orders."""
    match value:
        case dict() if len(value) <= 4:
            for members in permutations(value.items()):
                inner = [list(islice(orders(each), 4)) for _, each in members]
                for chosen in islice(product(*inner), 16):
                    yield {name: each for (name, _), each in zip(members, chosen, strict=True)}
        case list() if len(value) <= 6:
            yield from map(list, islice(product(*(list(islice(orders(v), 3)) for v in value)), 9))
        case _:
            yield value


def spellings(value: Any) -> set[str]:
    """Ways to write a value, with escapes and without, tight and loose."""
    texts = set()
    for ordered in islice(orders(value), 48):
        for separators in ((",", ":"), (", ", ": ")):
            for ascii_only in (True, False):
                texts.add(json.dumps(ordered, separators=separators, ensure_ascii=ascii_only))
        tight = json.dumps(ordered, separators=(",", ":"))
        texts.add(tight.replace('"f', '"\\u0066').replace('"b', '"\\u0062'))
        texts.add(json.dumps(ordered, indent=2))
    return texts


def test_nothing_that_the_suite_calls_invalid_is_accepted(grammars, tokenizer) -> None:
    num_usable = num_invalid = num_valid = num_accepted = 0
    wrong = []
    for group in json.loads(SUITE.read_text("utf-8")):
        schema = group["schema"]
        try:
            grammar = grammars.compile(schema)
        except InputError:
            continue
        num_usable += 1
        for value in group["invalid"]:
            num_invalid += 1
            wrong += [
                (group["file"], group["about"], text)
                for text in spellings(value)
                if accepts(grammar, tokenizer, text)
            ]
        for value in group["valid"]:
            num_valid += 1
            num_accepted += any(accepts(grammar, tokenizer, t) for t in spellings(value))
    assert not wrong
    # Most of the suite is about keywords that are refused; what is left is still a lot.
    assert num_usable >= 140
    assert num_invalid >= 250
    assert num_accepted / num_valid > 0.9


INVALID = [
    ({"type": "object", "properties": {"a": {"type": "string"}}}, '{"\\u0061": 1}'),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, '{"a": "x", "\\u0061": 1}'),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, '{"a": "x", "a": 1}'),
    ({"type": "object", "properties": {"a/b": {"type": "string"}}}, '{"a\\/b": 1}'),
    ({"type": "object", "properties": {"é": {"type": "string"}}}, '{"\\u00e9": 1}'),
    ({"patternProperties": {"^x": {"type": "integer"}}}, '{"\\u0078": "s"}'),
    ({"additionalProperties": {"type": "integer"}}, '{"b": "x"}'),
    ({"type": "string", "pattern": "^.$"}, '"\u2028"'),
    ({"type": "string", "pattern": r"^\S$"}, '"\ufeff"'),
    ({"type": "string", "pattern": "^a$"}, '"a\\n"'),
    ({"type": "string", "pattern": "^a|b$"}, '"xax"'),
    ({"type": "string", "maxLength": 2}, '"\\ud83d\\udc32xx"'),
    ({"type": "string"}, '"\\ud83d"'),
    ({"type": "string"}, '"\n"'),
    ({"format": "date"}, '"2021-02-29"'),
    ({"format": "date"}, '"1900-02-29"'),
    ({"format": "date"}, '"0000-01-01"'),
    ({"format": "date-time"}, '"1998-12-31T23:59:60Z"'),
    ({"format": "date-time"}, '"1998-12-31 23:59:59Z"'),
    ({"format": "time"}, '"24:00:00Z"'),
    ({"format": "ipv4"}, '"256.1.1.1"'),
    ({"format": "ipv4"}, '"01.1.1.1"'),
    ({"type": "integer"}, "01"),
    ({"type": "integer"}, "1.5"),
    ({"type": "number", "maximum": 5}, "1e3"),
    ({"type": "number", "exclusiveMinimum": 0}, "-0.0"),
    ({"type": "number", "minimum": 8858470062114740.0}, "8858470062114739.9"),
    ({"type": "integer", "maximum": 2**53}, str(2**53 + 1)),
    ({"enum": [1, 2, 3], "maximum": 2}, "3"),
    ({"$ref": "#/$defs/a", "maxLength": 1, "$defs": {"a": {"type": "string"}}}, '"xx"'),
    ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "type": "object"}, "{}"),
]


@pytest.mark.parametrize(("schema", "text"), INVALID)
def test_what_once_slipped_through_somewhere_does_not(grammars, tokenizer, schema, text) -> None:
    grammar = grammars.compile(schema)
    assert not accepts(grammar, tokenizer, text)
    assert not admits(grammar, tokenizer, text)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "object", "properties": {"a": {"type": "string"}}}, '{"a": "b\\n\\"c\\\\é🐲"}'),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, '{\n  "a": "b"\n}'),
        ({"format": "date"}, '"2000-02-29"'),
        ({"format": "date-time"}, '"2024-02-29T23:59:59.25+09:00"'),
        ({"type": "string", "pattern": r"^[\w.-]+@\S+$"}, '"ada@example.org"'),
        ({"type": "number", "multipleOf": 0.01, "maximum": 10}, "9.99"),
        (
            {"$defs": {"n": {"type": ["null", "integer"]}}, "items": {"$ref": "#/$defs/n"}},
            "[1,null]",
        ),
    ],
)
def test_what_is_valid_and_usual_is_accepted(grammars, tokenizer, schema, text) -> None:
    assert admits(grammars.compile(schema), tokenizer, text)


def random_schema(random: Random, depth: int = 0) -> dict[str, Any]:
    """A schema of keywords that are enforced, in any mixture."""
    kinds = ["string", "integer", "number", "enum", "format", "pattern", "types"]
    kinds += [] if depth > 2 else ["object", "object", "array", "anyOf", "allOf"]
    inner = lambda: random_schema(random, depth + 1)  # noqa: E731
    low, span = random.randint(-20, 20), random.randint(0, 30)
    match random.choice(kinds):
        case "string":
            least = random.randint(0, 3)
            return {"type": "string", "minLength": least, "maxLength": least + random.randint(0, 4)}
        case "integer":
            most = random.choice(["maximum", "exclusiveMaximum"])
            return {"type": "integer", "minimum": low, most: low + span + 1}
        case "number":
            bounds = {"minimum": low / 8, "maximum": low / 8 + span + 0.5}
            step = {"multipleOf": random.choice([0.25, 0.1, 3, 0.01])}
            return {"type": "number"} | random.choice([bounds, step, {"exclusiveMinimum": low}])
        case "enum":
            return {"enum": random.sample([1, "a", "é\n", None, True, [1, {"x": "y"}], {}], 3)}
        case "format":
            return {"type": "string", "format": random.choice([*FORMATS.checkers])}
        case "pattern":
            patterns = ["^a+b?$", r"^\d{2,3}$", "x", r"^\w \S.$", "^(?:ab|[^c-y])$", "^🐲|é$"]
            return {"type": "string", "pattern": random.choice(patterns)}
        case "types":
            return {
                "type": random.sample(["null", "boolean", "integer", "string"], 2)
            } | random.choice([{"minimum": 3}, {"maxLength": 2}, {}])
        case "array":
            least = random.randint(0, 2)
            prefix = random.choice([{}, {"prefixItems": [inner()]}])
            return {
                "type": "array",
                "items": inner(),
                "minItems": least,
                "maxItems": least + 2,
            } | prefix
        case "object":
            names = random.sample(["a", "b", "c d", "é", 'q"'], random.randint(0, 3))
            rest = random.choice([False, inner(), True])
            schema = {"type": "object", "properties": {name: inner() for name in names}}
            schema |= {"required": names[:1], "additionalProperties": rest, "maxProperties": 4}
            return schema | random.choice([{}, {"patternProperties": {"^x": inner()}}])
        case "anyOf":
            return {"anyOf": [inner(), inner()]}
        case _:
            return {
                "allOf": [inner(), random.choice([{"type": ["string", "object", "array"]}, {}])]
            }


def write(
    grammar: SchemaGrammar, tokenizer: Tokenizer, random: Random, *, jumps: bool
) -> str | None:
    """A text drawn from the masks, soon brought to its end; None where it grew too long.

    With jumps, what is forced is taken at once, and a second state has to allow it one by one.
    """
    state, slow, ids = grammar.start(), grammar.start(), []
    while len(ids) < 400:
        run = list(state.forced()) if jumps else []
        if not run:
            allowed = np.flatnonzero(state.mask()).tolist()
            assert state.is_over == (state.is_complete and not allowed)
            if state.is_complete and (random.random() < 0.3 or not allowed):
                return tokenizer.decode(ids)
            assert not jumps or state.is_complete or len(allowed) > 1
            closing = [i for i in allowed if tokenizer.token_bytes(i) in (b'"', b"]", b"}")]
            run = [random.choice(closing if closing and random.random() < 0.4 else allowed)]
        for token_id in run:
            state.accept(token_id)
            if jumps:
                assert slow.mask()[token_id]
                slow.accept(token_id)
        ids += run
    return None


def test_whatever_is_drawn_from_a_random_schema_is_valid(grammars, tokenizer) -> None:
    random = Random("schemas")
    num_written = 0
    for _ in range(250):
        schema = random_schema(random)
        try:
            grammar = grammars.compile(schema)
        except InputError:
            continue
        exact = json.loads(json.dumps(schema), parse_float=Decimal)
        judge = Draft202012Validator(exact, format_checker=FORMATS)
        for jumps in (True, False, True):
            text = write(grammar, tokenizer, random, jumps=jumps)
            if text is not None:
                num_written += 1
                errors = [
                    e.message for e in judge.iter_errors(json.loads(text, parse_float=Decimal))
                ]
                assert not errors, (schema, text)
    assert num_written >= 300


def assert_forced_is_spelled(grammar: SchemaGrammar, tokenizer: Tokenizer, text: str) -> int:
    """What is forced on the way of a text is how the tokenizer spells it; how much that is."""
    state, rest, num_forced = grammar.start(), tokenizer.encode(text), 0
    while rest:
        ahead = list(state.forced())
        assert ahead == rest[: len(ahead)], (text, tokenizer.decode(ahead))
        for token_id in ahead or rest[:1]:
            state.accept(token_id)
        rest = rest[len(ahead) or 1 :]
        num_forced += len(ahead)
    assert state.is_complete
    return num_forced


def test_what_is_forced_is_how_the_tokenizer_spells_it(grammars, tokenizer) -> None:
    num_texts = num_forced = 0
    for group in json.loads(SUITE.read_text("utf-8"))[::2]:
        try:
            grammar = grammars.compile(group["schema"])
        except InputError:
            continue
        texts = [text for value in group["valid"][:2] for text in sorted(spellings(value))[:4]]
        for text in texts:
            if accepts(grammar, tokenizer, text):
                num_texts += 1
                num_forced += assert_forced_is_spelled(grammar, tokenizer, text)
    assert num_texts > 100
    assert num_forced > 100


@pytest.mark.parametrize(
    ("schema", "said", "ahead"),
    [
        ({"const": "yes"}, "", '"yes"'),
        ({"const": "x<|end|>\n🐲"}, "", '"x<|end|>\\n🐲"'),
        ({"const": "an " * 3000}, "", f'"{"an " * 3000}"'),
        ({"enum": ["celsius", "fahrenheit"]}, "", '"'),
        ({"enum": ["celsius", "fahrenheit"]}, '"c', 'elsius"'),
        ({"type": "boolean"}, "t", "rue"),
        ({"type": "object", "required": ["name"], "properties": {"name": {}}}, "{", ""),
        (
            {"type": "object", "required": ["a"], "properties": {"a": {"const": "ok"}}},
            '{"a": "',
            'ok"',
        ),
        ({"type": "integer", "minimum": 5, "maximum": 5}, "", "5"),
        ({"type": "integer", "minimum": 5, "maximum": 59}, "5", ""),  # it may end here
        ({"type": "null"}, "null", ""),
    ],
)
def test_text_that_must_come_is_known_ahead(grammars, tokenizer, schema, said, ahead) -> None:
    state = grammars.compile(schema).start()
    for token_id in tokenizer.encode(said):
        state.accept(token_id)
    assert list(state.forced()) == tokenizer.encode(ahead)


def test_tokens_accepted_at_once_are_taken_in_their_order(grammars, tokenizer) -> None:
    ids = tokenizer.encode('{"one": [1, 2.5, "three"], "four": {"five": null}}')
    slow = grammars.compile({"type": "object"}).start()
    for token_id in ids:
        slow.mask()
        slow.accept(token_id)
    for _ in range(50):
        state = grammars.compile({"type": "object"}).start()
        for token_id in ids:
            state.accept(token_id)
        assert state.is_over == slow.is_over
        assert (state.mask() == slow.mask()).all()


def test_bounds_of_numbers_are_exact(grammars, tokenizer) -> None:
    random = Random("numbers")
    bounds = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    num_checked = 0
    for _ in range(60):
        digits = random.choice([0, 1, 2, 6])
        size = random.choice([5, 1000, 10**6, 10**9, 2**53])
        values = sorted(round(random.uniform(-size, size), digits) for _ in range(2))
        low, high = random.choice([bounds[:2], bounds[2:]])
        schema = {"type": random.choice(["number", "integer"]), low: values[0], high: values[1]}
        schema |= random.choice([{}, {}, {"multipleOf": random.choice([0.1, 0.01, 3, 0.25])}])
        try:
            grammar = grammars.compile(schema)
        except InputError:
            continue
        judge = Draft202012Validator(json.loads(json.dumps(schema), parse_float=Decimal))
        steps = [Decimal(step) for step in ("0", "1", "-1", "0.1", "-0.1", "1e-7", "-1e-7")]
        for number in (Decimal(repr(value)) + step for value in values for step in steps):
            for text in (format(number, "f"), str(number).lower(), f"{number:.9f}"):
                num_checked += 1
                value = json.loads(text, parse_float=Decimal)
                assert judge.is_valid(value) or not accepts(grammar, tokenizer, text), (
                    schema,
                    text,
                )
    assert num_checked > 1000


def test_masks_and_language_agree(grammars, tokenizer) -> None:
    random = Random("agree")
    for group in json.loads(SUITE.read_text("utf-8"))[::3]:
        try:
            grammar = grammars.compile(group["schema"])
        except InputError:
            continue
        for value in group["valid"][:2] + group["invalid"][:2]:
            text = random.choice(sorted(spellings(value)))
            assert admits(grammar, tokenizer, text) == accepts(grammar, tokenizer, text)


def test_a_schema_is_compiled_once(grammars) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert grammars.compile(schema) is grammars.compile(dict(schema))


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "oneOf"),
        ({"type": "array", "minItems": 2, "maxItems": 1}, "minItems"),
        ({"patternProperties": {"^x": {}, "y$": {"type": "string"}}}, "not disjoint"),
        ({"type": "object", "required": ["z"], "additionalProperties": False}, "'z'"),
        ({"type": "string", "enum": [1]}, "cannot be enforced"),
    ],
)
def test_what_the_grammar_cannot_say_is_refused(grammars, schema, said) -> None:
    with pytest.raises(InputError, match=said):
        grammars.compile(schema)


def test_special_tokens_are_never_in_a_mask(grammars, tokenizer) -> None:
    state = grammars.compile({}).start()
    for token_id in tokenizer.encode('{"a": [1, "'):
        assert not state.mask()[sorted(tokenizer.specials.values())].any()
        state.accept(token_id)


def test_dates_are_the_calendars(grammars, tokenizer) -> None:
    grammar = grammars.compile({"type": "string", "format": "date"})
    for year in (1, 4, 100, 400, 1900, 1999, 2000, 2024, 9999):
        for month in range(14):
            for day in range(27, 33):
                text = f"{year:04}-{month:02}-{day:02}"
                try:
                    date.fromisoformat(text)
                except ValueError:
                    assert not accepts(grammar, tokenizer, f'"{text}"'), text
                else:
                    assert accepts(grammar, tokenizer, f'"{text}"'), text
