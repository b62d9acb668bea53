import difflib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ossia.base.errors import InputError
from ossia.tools.patch import Change, Hunk, fit, parse

LINES = st.lists(st.sampled_from(["", "a", "b", " c", "d ", "-e", "+f", "@@ g", "*** h"]))


def patch_text(before: list[str], after: list[str]) -> str:
    """A patch with the whole file as context, as somebody else would write it."""
    signs = [line for line in difflib.ndiff(before, after) if line[0] != "?"]
    body = "\n".join(line[0] + line[2:] for line in signs)
    return f"*** Begin Patch\n*** Update File: a\n@@\n{body}\n*** End of File\n*** End Patch"


@settings(max_examples=300, deadline=None)
@given(LINES, LINES, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_random_edits_round_trip(
    before: list[str], after: list[str], ending: str, has_final: bool
) -> None:
    if before == after or not before or not after:
        return
    if not has_final and ("" in (before[-1], after[-1]) or len(before) == 1):
        return  # cannot be told from a final newline; one line has no ending to learn from
    final = ending if has_final else ""
    change = parse(patch_text(before, after)).changes[0]
    assert isinstance(change, Change)
    text, mended = fit(ending.join(before) + final, change.hunks)
    assert text == ending.join(after) + final
    assert mended == ()


def hunk(*lines: str, anchors: tuple[str, ...] = ()) -> Hunk:
    return Hunk(anchors, tuple((line[0], line[1:]) for line in lines))


def test_anchors_tell_which() -> None:
    text = "def f():\n    x\ndef g():\n    x\n"
    changed, _ = fit(text, [hunk("-    x", "+    y", anchors=("def g():",))])
    assert changed == "def f():\n    x\ndef g():\n    y\n"


def test_loose_context_is_mended_and_stays_as_it_was() -> None:
    text, mended = fit("say \u201chi\u201d \nx\n", [hunk(' say "hi"', "-x", "+y")])
    assert text == "say \u201chi\u201d \ny\n"
    assert mended == ("punctuation in context",)


def test_loose_in_several_places_is_refused() -> None:
    with pytest.raises(InputError, match="several places"):
        fit("a \nb\na \n", [hunk("-a", "+c")])


def test_a_hunk_that_fits_nowhere_says_where_it_looked() -> None:
    with pytest.raises(InputError, match=r"lines 1 to 2.*line 2: 'return total'"):
        fit("x\nreturn total\n", [hunk("-return totals", "+return 0")])


def test_a_byte_order_mark_stays() -> None:
    assert fit("\ufeffa\n", [hunk("-a", "+b")])[0] == "\ufeffb\n"


def test_only_added_lines_go_to_the_end() -> None:
    assert fit("a", [hunk("+b")])[0] == "a\nb"
