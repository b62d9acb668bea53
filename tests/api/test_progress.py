"""What is shown of progress, where, and that it is told once for each."""

import io
import os
import pty
import re
import subprocess
import sys
import types

import pytest

from ossia.api import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nobody_watches_a_pipe(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not progress.is_watched()
    with progress.counted("answers", 2, is_shown=None) as count:
        count()
    assert sys.stderr.getvalue() == ""


def test_no_standard_error_is_no_terminal(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert not progress.is_watched()


def test_a_cell_of_a_notebook_has_a_line(monkeypatch) -> None:
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert progress.is_notebook()
    with progress.counted("answers", 2, is_shown=None) as count:
        count()
        count()
    assert sys.stderr.getvalue() == "\ranswers: 50%\ranswers: 100%\n"


def test_ipython_in_a_terminal_is_no_notebook(monkeypatch) -> None:
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: object()
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert not progress.is_notebook()


def test_a_line_has_news_alone_and_nothing_of_what_is_quick(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    tell = progress.teller("packing", quick=0.5)
    tell(1, 4)
    assert sys.stderr.getvalue() == ""
    now = 0.6
    for done in (1000, 1001, 2000, 4000):
        tell(done, 4000)
    assert sys.stderr.getvalue() == "\rpacking: 25%\rpacking: 50%\rpacking: 100%\n"
    monkeypatch.setenv("TERM", "dumb")
    tell(3, 4)
    assert sys.stderr.getvalue().endswith("100%\n")


def test_nothing_to_do_shows_nothing(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress.counted("answers", 0, is_shown=None):
        pass
    assert sys.stderr.getvalue() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
def test_a_terminal_has_a_bar() -> None:
    script = (
        "import ossia; m = ossia.load('nano', context=512); "
        "print(len(m.batch(['What is 20 + 1?'] * 3, seed=1)))"
    )
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "80"},
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        assert process.stdout is not None
        assert process.stdout.read() == b"3\n"
    plain = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", shown).decode()
    assert "answers" in plain
    assert "3/3" in plain
