"""Regular expressions of JSON Schema (ECMA-262), written so that any engine reads them alike.

The engine below speaks another dialect: its dot and its sets match more, and it knows flags and
operations on sets that ECMA does not. So each part of a pattern is read here and spelled out, and
a part that is not known is refused. It knows no JSON and no tokens.
"""

import re
from collections.abc import Iterator

from ossia.base.errors import InputError

_SPACE = (9, 10, 11, 12, 13, 32, 0xA0, 0x1680, *range(0x2000, 0x200B))
_SPACE += (0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF)
_SETS = {
    "d": "0-9",
    "w": "0-9A-Za-z_",
    "s": "".join(rf"\x{{{code:x}}}" for code in _SPACE),
}
_ANY = r"[^\x{a}\x{d}\x{2028}\x{2029}]"
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}

_TOKEN = re.compile(
    r"""(?P<group>\((?:\?:|\?<[A-Za-z_]\w*>|(?!\?)))
      | (?P<close>\))
      | (?P<repeat>(?:[*+?]|\{\d{1,4}(?:,\d{0,4})?\})\??)
      | (?P<set>\\[dDwWsS])
      | (?P<any>\.)
      | (?P<anchor>[\^$])
      | (?P<either>\|)
      | (?P<classes>\[(?:\\.|[^\]\\])*\])
      | (?P<char>\\[tnvfr]|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\u\{[0-9A-Fa-f]{1,6}\}
               |\\[\^$\\.*+?()\[\]{}|/\-!\#%&,:;<=>@_`~"']|[^\\\[\](){}*+?^$|.])
    """,
    re.VERBOSE | re.DOTALL,
)
_CLASS_ITEM = re.compile(
    r"""\\(?P<set>[dwsDWS])
      | \\x(?P<x>[0-9A-Fa-f]{2}) | \\u(?P<u>[0-9A-Fa-f]{4}) | \\u\{(?P<wide>[0-9A-Fa-f]{1,6})\}
      | \\(?P<control>[tnvfr]) | \\(?P<escaped>[^0-9A-Za-z]) | (?P<plain>[^\\])
    """,
    re.VERBOSE | re.DOTALL,
)


def translate(pattern: str) -> str:
    """The same pattern, every set of characters spelled out.

    Raises:
        InputError: a part of it cannot be enforced, such as a look-around or a back reference.
    """
    out: list[str] = []
    depth, position, can_repeat = 0, 0, False
    while position < len(pattern):
        found = _TOKEN.match(pattern, position)
        kind = found.lastgroup if found else None
        depth += (kind == "group") - (kind == "close")
        if found is None or depth < 0 or (kind == "repeat" and not can_repeat):
            raise _refusal(pattern, pattern[position : position + 8])
        out.append(_spell(kind, found[0], pattern))
        can_repeat = kind in ("close", "set", "any", "classes", "char")
        position = found.end()
    if depth:
        raise _refusal(pattern, "(")
    return "".join(out)


def _spell(kind: str | None, text: str, pattern: str) -> str:
    match kind:
        case "group":
            return "(?:"
        case "any":
            return _ANY
        case "set":
            return f"[{'^' if text[1].isupper() else ''}{_SETS[text[1].lower()]}]"
        case "classes":
            return _spell_class(text, pattern)
        case "char":
            return _literal(next(_codes(text, pattern)))
        case _:
            return text


def _spell_class(text: str, pattern: str) -> str:
    """``[...]``: ranges and sets as code points, so that nothing in it means anything else."""
    inner = text[1:-1]
    is_negated = inner.startswith("^")
    inner = inner.removeprefix("^")
    if inner in (r"\s\S", r"\S\s", r"\d\D", r"\D\d", r"\w\W", r"\W\w") and not is_negated:
        return r"[\x{0}-\x{10ffff}]"
    out = "".join(_class_items(list(_codes(inner, pattern)), text, pattern))
    if not out:
        raise _refusal(pattern, text)
    return f"[{'^' if is_negated else ''}{out}]"


def _class_items(items: list[int | str], text: str, pattern: str) -> Iterator[str]:
    index = 0
    while index < len(items):
        item = items[index]
        is_range = items[index + 1 : index + 2] == [_DASH] and index + 2 < len(items)
        if is_range:
            last = items[index + 2]
            last = ord("-") if last == _DASH else last
            item = ord("-") if item == _DASH else item
            if isinstance(item, str) or isinstance(last, str) or item > last:
                raise _refusal(pattern, text)
            yield f"{_code(item)}-{_code(last)}"
            index += 3
            continue
        yield _code(ord("-")) if item == _DASH else item if isinstance(item, str) else _code(item)
        index += 1


_DASH = "-"
"""A bare dash in a class, which may make a range."""


def _codes(text: str, pattern: str) -> Iterator[int | str]:
    """Code points; in a class also sets, spelled out, and the bare dash."""
    position = 0
    while position < len(text):
        found = _CLASS_ITEM.match(text, position)
        if found is None or (found["set"] or "").isupper():
            raise _refusal(pattern, text)
        position = found.end()
        if found["set"]:
            yield _SETS[found["set"]]
        elif digits := found["x"] or found["u"] or found["wide"]:
            code = int(digits, 16)
            if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                raise _refusal(pattern, found[0])
            yield code
        elif found["control"]:
            yield _CONTROLS[found["control"]]
        elif found["plain"] == "-":
            yield _DASH
        else:
            yield ord(found["escaped"] or found["plain"])


def _literal(code: int | str) -> str:
    code = ord(code) if isinstance(code, str) else code
    return chr(code) if chr(code).isalnum() and code < 128 else _code(code)


def _code(code: int) -> str:
    return rf"\x{{{code:x}}}"


def _refusal(pattern: str, part: str) -> InputError:
    return InputError(f"the pattern {pattern!r:.80} holds {part!r:.40}, which cannot be enforced")
