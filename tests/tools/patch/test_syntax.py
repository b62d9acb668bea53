import pytest

from ossia.base.errors import InputError
from ossia.tools.patch import Change, Deletion, Hunk, parse

WHOLE = """*** Begin Patch
*** Update File: a.py
*** Move to: b.py
@@ class A:
@@ def f():
 one
-two
+three
*** End of File
*** Add File: new.txt
+hello
+
*** Delete File: old.txt
*** End Patch"""


def test_a_whole_patch() -> None:
    hunk = Hunk(("class A:", "def f():"), ((" ", "one"), ("-", "two"), ("+", "three")), True)
    update = Change("a.py", hunks=(hunk,), move_to="b.py")
    patch = parse(WHOLE)
    assert patch.changes == (update, Change("new.txt", ("hello", "")), Deletion("old.txt"))
    assert patch.mended == ()


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        (f"```diff\n{WHOLE}\n```\n", "a code fence around the patch"),
        (f"apply_patch <<'EOF'\n{WHOLE}\nEOF\n", "a shell command around the patch"),
        (WHOLE.removesuffix("*** End Patch"), "a missing end marker"),
        (WHOLE.replace("\n", "\r\n"), "CRLF line endings"),
        (WHOLE.replace("*** End Patch", " *** End Patch"), "blanks before the end marker"),
        (WHOLE.replace("*** Update", "  *** Update"), "blanks before a header"),
    ],
)
def test_what_is_certain_is_mended_and_named(text: str, mended: str) -> None:
    assert parse(text).changes == parse(WHOLE).changes
    assert parse(text).mended == (mended,)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "changes nothing"),
        ("hello", "header"),
        ("*** Update File: a", "without a changed line"),
        ("*** Update File: a\n@@\n kept", "changes nothing"),
        ("*** Update File: a\n@@\n-x\nbare", "expected ' '"),
        ("*** Add File: a\nbare", "expected '\\+'"),
        ("*** Delete File: a\n-x", "deletes a"),
        ("*** Add File: ", "names no file"),
    ],
)
def test_what_is_unclear_is_refused(body: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(f"*** Begin Patch\n{body}\n*** End Patch")


def test_no_patch_is_refused() -> None:
    with pytest.raises(InputError, match="does not begin"):
        parse("please change a.py")
    with pytest.raises(InputError, match="after"):
        parse(f"{WHOLE}\nmore")
