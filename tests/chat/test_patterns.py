"""Patterns: the same language as ECMA-262's, or refused."""

import re

import pytest

from ossia.base.errors import InputError
from ossia.chat.patterns import translate

SPACES = "\t\n\v\f\r \xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000\ufeff"
TEXTS = [
    *SPACES,
    *"abxAZ09_-^$.|]{}\\",
    "é",
    "٣",
    "🐲",
    "",
    "ab",
    "aab",
    "a\n",
    "x-y",
    "12",
    "\u0085",
]


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (r"^\d$", lambda t: t in list("0123456789")),
        (r"^\w$", lambda t: len(t) == 1 and t.isascii() and (t.isalnum() or t == "_")),
        (r"^\s$", lambda t: len(t) == 1 and t in SPACES),
        (r"^\S$", lambda t: len(t) == 1 and t not in SPACES),
        (r"^[^\s]$", lambda t: len(t) == 1 and t not in SPACES),
        (r"^.$", lambda t: len(t) == 1 and t not in "\n\r\u2028\u2029"),
        (r"^[\s\S]$", lambda t: len(t) == 1),
        (r"^[\d-]$", lambda t: len(t) == 1 and t in "0123456789-"),
        (r"^[-a]$", lambda t: t in ["-", "a"]),
        (r"^[a\-z]$", lambda t: t in ["a", "-", "z"]),
        (r"^[^a-zA]$", lambda t: len(t) == 1 and t not in "abcdefghijklmnopqrstuvwxyzA"),
        (r"^(?:a|b)+?b$", lambda t: t in ["ab", "aab"]),
        (r"^(?<name>x)-y$", lambda t: t == "x-y"),
        (r"^a{2}b$", lambda t: t == "aab"),
        (r"^\u0041$|^\x62$|^\u{5a}$", lambda t: t in ["A", "b", "Z"]),
        (r"^\^$|^\$$|^\.$|^\|$|^\]$|^\{$|^\\$", lambda t: len(t) == 1 and t in "^$.|]{\\"),
        (r"^[\]^$.|\\]$", lambda t: len(t) == 1 and t in "^$.|]\\"),
        ("^🐲$", lambda t: t == "🐲"),
        ("", lambda _: True),
    ],
)
def test_a_pattern_means_what_ecma_says(pattern: str, matches) -> None:
    as_python = re.sub(
        r"\\x\{([0-9a-f]+)\}", lambda m: f"\\U{int(m[1], 16):08x}", translate(pattern)
    )
    compiled = re.compile(as_python.replace("$", r"\Z"))
    assert [t for t in TEXTS if compiled.search(t)] == [t for t in TEXTS if matches(t)]


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "a(?=b)",
            "(?!a)b",
            "(?<=a)b",
            "(?i)a",
            "(?x)a b",
            "(?P<n>a)",
            r"(a)\1",
            r"\bword\b",
            r"\Ba",
        ),
        *(r"\Aa\z", r"\p{L}", r"\cA", r"\0", r"\h", r"[\b]", r"[\W]", r"[\S]", r"[a-\d]", "[z-a]"),
        *(
            "[]",
            "[^]",
            "[a",
            "(a",
            "a)",
            "*a",
            "a**",
            "a++",
            "^*",
            "a{,3}",
            "{",
            "}",
            r"\u{110000}",
        ),
        *(r"\ud83d\udc32", "a{99999}", "(?#x)a", "\\"),
    ],
)
def test_what_cannot_be_enforced_is_refused(pattern: str) -> None:
    with pytest.raises(InputError, match="cannot be enforced"):
        translate(pattern)


def test_operations_on_sets_are_characters() -> None:
    spelled = translate("^[a&&b~~c]$")
    assert "&&" not in spelled
    assert "~~" not in spelled
