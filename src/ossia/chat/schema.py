"""Which JSON Schemas can be enforced, and what the grammar is made of instead of some words.

A schema that is half enforced is worse than none: somebody relies on it. So every keyword at every
place is known here, or the schema is refused and the keyword named. Source: JSON Schema 2020-12;
schemas of drafts 6 and 7 and of 2019-09 that only use what these have in common are taken too.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from ossia.base.errors import InputError
from ossia.chat.patterns import translate

MAX_DEPTH = 64
"""Schemas inside schemas."""

MAX_NUMBER = 2**53
"""Beyond it not every integer is exact in every reader of JSON."""

MAX_COUNT = 100_000
"""Of items or characters that a schema may demand or allow; more is no limit worth a grammar."""

_ANNOTATIONS = {"$comment", "title", "description", "default", "examples", "deprecated"}
_ANNOTATIONS |= {"readOnly", "writeOnly"}
_DRAFT = re.compile(r"https?://json-schema\.org/(draft/2020-12|draft/2019-09|draft-0[67])/schema#?")
_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")

_YEAR = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DATE = (
    f"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    f"|{_LEAP_YEAR}-02-29)"
)
_TIME = (
    "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?"
    "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_FORMATS = {
    "date": f"^{_DATE}$",
    "time": f"^{_TIME}$",
    "date-time": f"^{_DATE}T{_TIME}$",
    "ipv4": f"^{_BYTE}(?:[.]{_BYTE}){{3}}$",
    "uuid": "^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
}
"""Formats as patterns: days that exist (RFC 3339), and no leap second, which few readers know."""

_GRAMMAR_FORMATS = {"duration", "email", "hostname", "ipv6"}
"""Formats that llguidance writes itself."""


def check_schema(schema: Mapping[str, Any]) -> str:
    """The schema as JSON text for the compiler, with formats and patterns spelled out.

    Raises:
        InputError: it is no JSON Schema, uses a keyword that cannot be enforced, or cannot be
            satisfied by any finite JSON.
    """
    try:
        plain = json.loads(json.dumps(schema, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the schema is not JSON: {error!s:.100}") from None
    if not isinstance(plain, dict):
        raise InputError(f"a schema is a JSON object; this is {plain!r:.40}")
    walk = _Walk()
    changed = walk.schema(plain, "#", 0)
    walk.check_references()
    if not walk.is_finite("#"):
        raise InputError("the schema demands itself without end, so that no JSON satisfies it")
    return json.dumps(changed)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_bound(value: Any) -> bool:
    """Whether the grammar writes a number as exactly as it compares it."""
    if not _is_number(value) or abs(value) > MAX_NUMBER:
        return False
    is_short = abs(value) < 1e9 and float(f"{value:.15g}") == value
    return bool(value == int(value) or is_short)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT


def _is_type(value: Any) -> bool:
    return value in _TYPES if _is_text(value) else _is_list_of(lambda v: v in _TYPES)(value)


def _is_list_of(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(holds, value))


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(_is_text(name) and _is_writable(name) for name in value)


def _is_writable(value: Any) -> bool:
    """Whether the grammar can write a constant: no control characters, no half pairs."""
    match value:
        case str():
            return not re.search("[\x00-\x07\x0b\x0e-\x1f\x7f\ud800-\udfff]", value)
        case list():
            return all(map(_is_writable, value))
        case dict():
            return all(_is_writable(name) and _is_writable(v) for name, v in value.items())
        case bool() | None:
            return True
        case _:
            return bool(value == 0 or 1e-6 <= abs(value) <= MAX_NUMBER)


_PLAIN: dict[str, tuple[Callable[[Any], bool], str]] = {
    "type": (_is_type, "a JSON type or a list of them"),
    "enum": (_is_list_of(_is_writable), "a list of values without control characters"),
    "const": (_is_writable, "a value without control characters and of at most 2**53"),
    "minimum": (_is_bound, "a number of at most 2**53 and 15 digits"),
    "maximum": (_is_bound, "a number of at most 2**53 and 15 digits"),
    "exclusiveMinimum": (_is_bound, "a number of at most 2**53 and 15 digits"),
    "exclusiveMaximum": (_is_bound, "a number of at most 2**53 and 15 digits"),
    "multipleOf": (
        lambda v: _is_bound(v) and v >= 1e-6,
        "a number from 0.000001 to 2**53, of at most 15 digits",
    ),
    "minLength": (_is_count, f"a count of at most {MAX_COUNT}"),
    "maxLength": (_is_count, f"a count of at most {MAX_COUNT}"),
    "minItems": (_is_count, f"a count of at most {MAX_COUNT}"),
    "maxItems": (_is_count, f"a count of at most {MAX_COUNT}"),
    "minProperties": (_is_count, f"a count of at most {MAX_COUNT}"),
    "maxProperties": (_is_count, f"a count of at most {MAX_COUNT}"),
    "required": (_is_names, "a list of names without control characters"),
    "pattern": (_is_text, "a regular expression"),
    "format": (_is_text, "the name of a format"),
    "$ref": (_is_text, "a pointer into the schema"),
}
"""Keywords without schemas in them: what their value must be."""

_IN_LIST = ("allOf", "anyOf", "oneOf", "prefixItems")
_IN_MAP = ("properties", "patternProperties", "$defs", "definitions")
_SINGLE = ("items", "additionalProperties")


@dataclass
class _Walk:
    """One pass over a schema.

    Attributes:
        places: every schema by its pointer, as it was given.
        references: pointers that a ``$ref`` names, with where it stands.
    """

    places: dict[str, Any] = field(default_factory=dict)
    references: list[tuple[str, str]] = field(default_factory=list)

    def schema(self, schema: Any, place: str, depth: int) -> Any:
        """Checks a schema and those inside it; returns what the compiler gets."""
        if depth > MAX_DEPTH:
            raise InputError(f"schemas are nested deeper than {MAX_DEPTH} at {place:.80}")
        self.places[place] = schema
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise _wrong(place, "a schema is an object or a boolean", schema)
        changed: dict[str, Any] = {}
        patterns: list[str] = []
        for word, value in schema.items():
            match word:
                case _ if word in _PLAIN:
                    changed |= self._plain(word, value, place, schema, patterns)
                case _ if word in _SINGLE:
                    changed[word] = self.schema(value, f"{place}/{word}", depth + 1)
                case _ if word in _IN_LIST:
                    changed[word] = list(self._list(word, value, place, depth))
                case _ if word in _IN_MAP:
                    changed[word] = self._map(word, value, place, depth)
                case "$schema" if place == "#" and _DRAFT.fullmatch(str(value)):
                    pass
                case "$id" if place == "#":
                    pass  # every reference is a pointer into this document
                case _ if word not in _ANNOTATIONS:
                    raise InputError(
                        f"the schema's keyword {word!r:.60} at {place:.80} cannot be enforced; "
                        "leave it out, or say it in words in a description"
                    )
        if patterns:
            changed["allOf"] = [*changed.get("allOf", []), *({"pattern": p} for p in patterns)]
        return changed

    def _plain(
        self, word: str, value: Any, place: str, schema: dict[str, Any], patterns: list[str]
    ) -> dict[str, Any]:
        holds, expected = _PLAIN[word]
        if not holds(value):
            raise _wrong(f"{place}/{word}", f"expected {expected}", value)
        match word:
            case "pattern":
                return {"pattern": translate(value)}
            case "format" if value in _FORMATS:
                patterns.append(translate(_FORMATS[value]))
                return {}
            case "format" if value not in _GRAMMAR_FORMATS:
                known = ", ".join(sorted({*_FORMATS, *_GRAMMAR_FORMATS}))
                raise _wrong(f"{place}/format", f"formats that can be enforced are {known}", value)
            case "$ref":
                self.references.append((value, place))
            case _ if isinstance(value, float) and value.is_integer():
                return {word: int(value)}  # 3.0 is 3, and more exact where numbers are large
            case "minProperties" if value > max(1, len(set(schema.get("required", ())))):
                # A name may be written twice, and counts once for whoever reads it.
                raise _wrong(f"{place}/{word}", "at most 1, or as many as are required", value)
        return {word: value}

    def _list(self, word: str, value: Any, place: str, depth: int) -> Iterator[Any]:
        if not isinstance(value, list) or not value:
            raise _wrong(f"{place}/{word}", "expected a list of schemas", value)
        for index, inner in enumerate(value):
            yield self.schema(inner, f"{place}/{word}/{index}", depth + 1)

    def _map(self, word: str, value: Any, place: str, depth: int) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(f"{place}/{word}", "expected an object of schemas", value)
        changed: dict[str, Any] = {}
        for name, inner in value.items():
            if word == "properties" and not _is_writable(name):
                raise _wrong(f"{place}/{word}", "names have no control characters", name)
            key = translate(name) if word == "patternProperties" else name
            if key in changed:
                raise _wrong(f"{place}/{word}", "two patterns are the same", name)
            escaped = name.replace("~", "~0").replace("/", "~1")
            changed[key] = self.schema(inner, f"{place}/{word}/{escaped}", depth + 1)
        return changed

    def check_references(self) -> None:
        """Every ``$ref`` names a schema of this document.

        Raises:
            InputError: one does not.
        """
        for reference, place in self.references:
            if unquote(reference) not in self.places or "/patternProperties/" in reference:
                raise _wrong(f"{place}/$ref", "expected a pointer such as #/$defs/name", reference)

    def is_finite(self, root: str) -> bool:
        """Whether finite JSON can satisfy a schema, as far as it refers to itself."""
        finite: set[str] = set()
        while True:
            more = {p for p in self.places if p not in finite and self._ends(p, finite)}
            if not more:
                return root in finite
            finite |= more

    def _ends(self, place: str, finite: set[str]) -> bool:
        """Whether a schema can end, given the places that are known to."""
        schema = self.places[place]
        if isinstance(schema, bool):
            return True  # false has its own error
        if "$ref" in schema and unquote(schema["$ref"]) not in finite:
            return False
        if any(f"{place}/allOf/{i}" not in finite for i in range(len(schema.get("allOf", ())))):
            return False
        for word in ("anyOf", "oneOf"):
            branches = range(len(schema.get(word, ())))
            if branches and not any(f"{place}/{word}/{i}" in finite for i in branches):
                return False
        if "enum" in schema or "const" in schema:
            return True
        types = schema.get("type", _TYPES)
        types = {types} if isinstance(types, str) else set(types)
        return bool(
            types - {"array", "object"}
            or ("array" in types and self._array_ends(place, schema, finite))
            or ("object" in types and self._object_ends(place, schema, finite))
        )

    def _array_ends(self, place: str, schema: dict[str, Any], finite: set[str]) -> bool:
        least, num_prefix = schema.get("minItems", 0), len(schema.get("prefixItems", ()))
        parts = [f"{place}/prefixItems/{i}" for i in range(min(least, num_prefix))]
        parts += [f"{place}/items"] if least > num_prefix and "items" in schema else []
        return finite.issuperset(parts)

    def _object_ends(self, place: str, schema: dict[str, Any], finite: set[str]) -> bool:
        names = (n.replace("~", "~0").replace("/", "~1") for n in schema.get("required", ()))
        parts = [f"{place}/properties/{name}" for name in names]
        return all(part in finite for part in parts if part in self.places)


def _wrong(place: str, expected: str, value: Any) -> InputError:
    return InputError(f"the schema at {place:.80}: {expected}; it is {value!r:.60}")
