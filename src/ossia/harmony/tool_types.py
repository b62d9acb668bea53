"""Tools as the model reads them: JSON Schema written as TypeScript types.

    namespace functions {

    // Gets the weather.
    type get_weather = (_: {
    // A city
    city: string,
    unit?: "celsius" | "fahrenheit", // default: celsius
    }) => any;

    } // namespace functions

Knows the layout that gpt-oss was trained with (that of openai-harmony); knows no token and checks
no value. What a schema says that the layout has no place for is left out: the model is told the
form of its arguments, and whoever receives them checks them.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from ossia.base.errors import ConversationError
from ossia.harmony.messages import Namespace, Tool

MAX_DEPTH = 48
"""Schemas within schemas, references followed."""

MAX_SCHEMAS = 20_000
"""Schemas that one tool may unfold to, so that references to references end."""

_IDENTIFIER = re.compile(r"[^\W\d][\w$]*")
_SIMPLE = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "null": "null",
}


def tools_section(namespaces: Iterable[Namespace]) -> str:
    """The section ``# Tools`` of a system or developer message.

    Raises:
        ConversationError: the schema of a tool is too large or too deep.
    """
    ordered = sorted(namespaces, key=lambda namespace: namespace.name)
    return "\n\n".join(["# Tools", *map(_namespace, ordered)])


def comment(text: str, indent: str = "") -> str:
    """Lines of comment; nothing where there is no text."""
    return "".join(f"{indent}// {line}\n" for line in _lines(text))


def _namespace(namespace: Namespace) -> str:
    prefix = "// " if namespace.tools else ""
    parts = [f"## {namespace.name}\n"]
    parts += [prefix + line for line in _lines(namespace.description)]
    if namespace.tools:
        parts.append(f"namespace {namespace.name} {{\n")
        for tool in namespace.tools:
            parts += [f"// {line}" for line in _lines(tool.description)]
            parts.append(f"type {tool.name} = ({_arguments(tool)}) => any;\n")
        parts.append(f"}} // namespace {namespace.name}")
    return "\n".join(parts)


def _arguments(tool: Tool) -> str:
    """What stands between the parentheses; nothing where a function takes no arguments."""
    try:
        types = _Types(tool.parameters)
        schema = types.resolve(tool.parameters)
        is_object = schema.get("type") == "object" and not _has_members(schema)
        is_none = not schema or (is_object and not (schema.get("oneOf") or schema.get("anyOf")))
        return "" if is_none else f"_: {types.write(schema, '')}"
    except _UnshowableError as error:
        raise ConversationError(
            f"the parameters of the tool {tool.name:.64} cannot be shown to the model: {error}"
        ) from None


class _UnshowableError(Exception):
    """A schema has no end that is near enough, or holds what is no JSON."""


class _Types:
    """Writes the types of one schema; references lead to places within it."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._open: list[str] = []  # references that are being written, the outermost first
        self._depth = 0
        self._num_followed = 0

    def write(self, schema: Any, indent: str) -> str:
        """The type of a schema; lines after the first begin with ``indent``."""
        num_open = len(self._open)
        kind = self._kind(self._follow(schema), indent)
        self._close(num_open)
        return kind

    def resolve(self, schema: Any) -> Mapping[str, Any]:
        """A schema as a mapping, with what its reference and its ``allOf`` add."""
        num_open = len(self._open)
        resolved = self._follow(schema)
        self._close(num_open)
        return resolved

    def _follow(self, schema: Any) -> Mapping[str, Any]:
        """The same, and its references are open: one that leads back to them is any type."""
        self._num_followed += 1
        self._depth += 1
        if self._num_followed > MAX_SCHEMAS:
            raise _UnshowableError(f"it has more than {MAX_SCHEMAS:,} schemas, references followed")
        if self._depth > MAX_DEPTH:
            raise _UnshowableError(f"more than {MAX_DEPTH} schemas lie within each other")
        merged = dict(_mapping(schema))
        while isinstance(reference := merged.pop("$ref", None), str):
            if reference in self._open:
                return {key: merged[key] for key in ("description",) if key in merged}
            self._open.append(reference)
            merged = {**self._find(reference), **merged}
        for part in _list(merged.pop("allOf", None)):
            merged = _both(merged, self._follow(part))
            self._depth -= 1
        return merged

    def _close(self, num_open: int) -> None:
        del self._open[num_open:]
        self._depth -= 1

    def _find(self, reference: str) -> Mapping[str, Any]:
        """What a reference such as ``#/$defs/city`` names; nothing where it leads nowhere."""
        head, *names = reference.split("/")
        found: Any = self._root if head == "#" else None
        for name in names:
            name = unquote(name).replace("~1", "/").replace("~0", "~")
            if isinstance(found, list):
                found = {str(index): each for index, each in enumerate(found)}
            found = found.get(name) if isinstance(found, Mapping) else None
        return _mapping(found)

    def _kind(self, schema: Mapping[str, Any], indent: str) -> str:
        kind = self._kind_not_null(schema, indent)
        return f"{kind} | null" if schema.get("nullable") is True and "null" not in kind else kind

    def _kind_not_null(self, schema: Mapping[str, Any], indent: str) -> str:
        kind = schema.get("type")
        if variants := _variants(schema, "oneOf"):
            return "".join(
                f"\n{indent} | {self._variant(variant, indent, '')}" for variant in variants
            )
        if "const" in schema:
            return _literal(schema["const"])
        if kind in (None, "object") and (variants := _variants(schema, "anyOf")):
            return _union(self.write(variant, indent) for variant in variants)
        if values := _list(schema.get("enum")):
            return _union(map(_literal, values))
        if kinds := _list(kind):
            is_bare = not _has_members(schema)
            return _union(
                "object" if each == "object" and is_bare else self._named(schema, each, indent)
                for each in kinds
            )
        return self._named(schema, kind, indent)

    def _named(self, schema: Mapping[str, Any], kind: Any, indent: str) -> str:
        """A schema whose type is known, or is to be told by what else it says."""
        if kind == "object" or (kind is None and _has_members(schema)):
            return self._object(schema, indent)
        if kind == "array" or (kind is None and "items" in schema):
            return self._array(schema, indent)
        return _SIMPLE.get(kind, "any") if isinstance(kind, str) else "any"

    def _array(self, schema: Mapping[str, Any], indent: str) -> str:
        if places := _list(schema.get("prefixItems")):
            return f"[{', '.join(self.write(place, indent) for place in places)}]"
        if "items" not in schema:
            return "Array<any>"
        item = self.write(schema["items"], indent)
        return f"({item})[]" if _is_union(item) else f"{item}[]"

    def _object(self, schema: Mapping[str, Any], indent: str) -> str:
        required = _list(schema.get("required"))
        members = _mapping(schema.get("properties"))
        parts = [*_comment(schema.get("description"), indent), "{\n"]
        parts += [
            self._member(name, member, indent, is_required=name in required)
            for name, member in members.items()
        ]
        others = schema.get("additionalProperties")
        if _mapping(others) or (others is True and not members):
            parts.append(f"{indent}[key: string]: {self.write(others, indent + '    ')},\n")
        return "".join([*parts, f"{indent}}}"])

    def _member(self, name: str, schema: Any, indent: str, *, is_required: bool) -> str:
        said = self.resolve(schema)
        spelled = name if _IDENTIFIER.fullmatch(name) else json.dumps(name, ensure_ascii=False)
        name = spelled if is_required else f"{spelled}?"
        comments = _comments(said, indent)
        default = _default(said)
        if not (variants := _variants(said, "oneOf")):
            kind = self.write(schema, indent + "    ")
            note = f" // {default}" if default else ""
            return f"{comments}{indent}{name}: {kind},{note}\n"
        described = said.get("description", "")
        return "".join(
            [
                *(comments, f"{indent}// {default}\n" if default else "", f"{indent}{name}:\n"),
                *(f"{indent} | {self._variant(each, indent, described)}\n" for each in variants),
                f"{indent},\n",
            ]
        )

    def _variant(self, schema: Any, indent: str, described: str) -> str:
        """One of several types, with what is said about it and was not said before."""
        said = self.resolve(schema)
        kind = self.write(schema, indent + "   ")
        description = said.get("description")
        is_new = isinstance(description, str) and description != described
        notes = [" ".join(_lines(str(description)))] if is_new else []
        notes += [_default(said)] if _default(said) else []
        return f"{kind} // {' '.join(notes)}" if notes else kind


def _comments(schema: Mapping[str, Any], indent: str) -> str:
    """What stands above a member."""
    title = _comment(schema.get("title"), indent)
    parts = [*title, f"{indent}//\n"] if title else []
    parts += _comment(schema.get("description"), indent)
    if examples := _list(schema.get("examples")):
        parts.append(f"{indent}// Examples:\n")
        parts += [f"{indent}// - {_literal(example)}\n" for example in examples]
    return "".join(parts)


def _comment(text: Any, indent: str) -> list[str]:
    if not isinstance(text, str):
        return []
    return [f"{indent}// {line}\n" for line in _lines(text) or [""]]


def _default(schema: Mapping[str, Any]) -> str:
    if "default" not in schema:
        return ""
    value = schema["default"]
    is_word = isinstance(value, str) and schema.get("enum") and "\n" not in value
    return f"default: {value if is_word else _literal(value)}"


def _union(kinds: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(kinds))


def _is_union(kind: str) -> bool:
    """Whether ``[]`` after a type would belong to its last variant only."""
    depth = 0
    for piece in re.findall(r'"(?:[^"\\]|\\.)*"|//[^\n]*|[{}()\[\]|]', kind):
        depth += (piece in "{([") - (piece in "})]")
        if piece == "|" and depth == 0:
            return True
    return False


def _both(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """What two schemas say together; where they differ, what the first says."""
    ours, theirs = _mapping(first.get("properties")), _mapping(second.get("properties"))
    members = {**ours, **theirs, **ours}
    required = [*_list(first.get("required")), *_list(second.get("required"))]
    both = {**second, **first}
    return both | ({"properties": members} if members else {}) | {"required": required}


def _has_members(schema: Mapping[str, Any]) -> bool:
    others = schema.get("additionalProperties")
    return bool(_mapping(schema.get("properties")) or _mapping(others) or others is True)


def _variants(schema: Mapping[str, Any], key: str) -> Sequence[Any]:
    """The types that a schema chooses from; where it has members, only their presence varies."""
    return () if _has_members(schema) else _list(schema.get(key))


def _literal(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise _UnshowableError(f"a value in it is no JSON ({error!s:.80})") from None


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _lines(text: str) -> list[str]:
    """Lines as everybody counts them: not at the many separators that Python knows."""
    *whole, last = text.split("\n")
    return [*(line.removesuffix("\r") for line in whole), *([last] if last else [])]
