"""What a person sees of tools, on a terminal; and what a person's answer permits."""

import io
from pathlib import Path
from typing import Any

import pytest

from ossia.agent import Permission, Returned, Started
from ossia.cli import happenings
from ossia.cli.happenings import MAX_LINES, Happenings, kept, sources
from ossia.cli.terminal import Screen
from ossia.harmony import Assistant, ToolResult
from ossia.tools import Action, Call, Deed, Page, Picture, Result

CALL = Call("browser.open", "{}")
ACTION = Action("browser", Deed.FETCH, "example.org", "open https://example.org/", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


def returned(result: Result) -> Returned:
    return Returned(CALL, result, Assistant("{}"), ToolResult("browser.open", result.text))


def test_a_call_and_its_result_bounded_and_readable(terminal: Terminal) -> None:
    shown = Happenings(Screen(terminal))
    shown.start(Started(CALL, ACTION))
    text = "\n".join(f"line {number}\x1b[31m" for number in range(MAX_LINES + 3))
    shown.finish(returned(Result(text)))
    lines = terminal.getvalue().splitlines()
    assert lines[0] == "» browser: open https://example.org/"
    assert lines[1] == "  line 0␛[31m"
    assert lines[-1] == "  … 3 more lines"
    assert len(lines) == MAX_LINES + 2


def test_pictures_are_kept(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path))
    picture = Picture("image/png", b"\x89PNG")
    Happenings(Screen(terminal)).finish(returned(Result("[a picture]", pictures=(picture,))))
    path = kept(picture)
    assert f"a picture: {path}" in terminal.getvalue()
    assert path.read_bytes() == picture.data


@pytest.mark.parametrize(
    ("typed", "is_granted", "is_lasting"),
    [
        ("y\n", True, False),
        ("YES\n", True, False),
        ("a\n", True, True),
        ("n\n", False, False),
        ("\n", False, False),
        ("", False, False),
        ("sure\n", False, False),
    ],
)
def test_what_is_typed_decides(
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    is_granted: bool,
    is_lasting: bool,
) -> None:
    monkeypatch.setattr(happenings, "can_ask", lambda: True)
    stdin: Any = io.StringIO(typed)
    monkeypatch.setattr("sys.stdin", stdin)
    asked = Permission(CALL, Action("patch", Deed.WRITE, "/notes", "update a.md", "-old\n+new"))
    Happenings(Screen(terminal)).ask(asked)
    assert (asked.is_granted, asked.is_lasting) == (is_granted, is_lasting)
    assert "» patch wants to update a.md (/notes)\n  -old\n  +new\n" in terminal.getvalue()


def test_nobody_there_to_be_asked_permits_nothing(terminal: Terminal) -> None:
    asked = Permission(CALL, ACTION)
    Happenings(Screen(terminal)).ask(asked)
    assert not asked.is_granted


def test_each_source_once_with_its_lines() -> None:
    page = Page(1, "file:///a.md", "A", ("", "one", "two"))
    text = "So.【1†L1】 And【1†L1-L2】, again【1†L1】, and【7†L1】."
    assert sources(text, {1: page}) == {
        "【1†L1】": "A: file:///a.md, line 1",
        "【1†L1-L2】": "A: file:///a.md, lines 1-2",
    }
