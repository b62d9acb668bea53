"""What a failing verb leaves behind: a line, an exit code, never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

_WARN = "import logging; logging.getLogger('ossia.engine').{}"


def fail(statement: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A process whose verb runs one statement."""
    code = (
        "from ossia.base.errors import *\n"
        "from ossia.cli.failures import reported\n"
        f"def verb():\n    {statement}\n"
        "reported(verb)()"
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=variables
    )


@pytest.mark.parametrize(
    ("statement", "code", "said"),
    [
        ("raise OssiaError('it did not')", 1, "ossia: it did not\n"),
        ("raise InputError('no such thing')", 2, "ossia: no such thing\n"),
        ("raise CheckpointError('broken')", 2, "ossia: broken\n"),
        ("raise OSError(28, 'No space left', 'out')", 1, "ossia: No space left: out\n"),
        ("raise KeyboardInterrupt", 130, ""),
        ("raise BrokenPipeError", 141, ""),
        ("raise SystemExit(7)", 7, ""),
        ("pass", 0, ""),
        (
            _WARN.format("warning('a page %s', 'is damaged')"),
            0,
            "ossia: warning: a page is damaged\n",
        ),
        (_WARN.format("info('nothing of interest')"), 0, ""),
        (_WARN.format("error('it failed', exc_info=ValueError())"), 0, ""),
    ],
)
def test_errors_and_their_exit_codes(statement: str, code: int, said: str) -> None:
    done = fail(statement)
    assert (done.returncode, done.stderr, done.stdout) == (code, said, "")


def test_no_memory_is_said_so() -> None:
    done = fail("raise MemoryError")
    assert done.returncode == 2
    assert done.stderr.startswith("ossia: out of memory")


def test_a_bug_is_one_line() -> None:
    done = fail("raise KeyError('a\\nb')")
    assert done.returncode == 70
    assert done.stderr.startswith("ossia: met a bug: KeyError: ")
    assert "OSSIA_DEBUG=1" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_bug_is_shown_whole_on_request() -> None:
    done = fail("raise KeyError('here')", OSSIA_DEBUG="1")
    assert done.returncode == 70
    assert "Traceback" in done.stderr
    assert "line 4" in done.stderr


def test_what_a_message_quotes_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in fail("raise InputError('no file \\x1b[2J')").stderr


def test_characters_that_the_output_cannot_write_are_replaced() -> None:
    assert fail("print('가')", PYTHONIOENCODING="ascii").stdout == "?\n"


def test_a_closed_output_is_no_error() -> None:
    code = "from ossia.cli.failures import reported; reported(lambda: print('x'))()"
    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" >&-', sys.executable, code], stderr=subprocess.PIPE, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_behind_the_output_is_one_line() -> None:
    code = "from ossia.cli.failures import reported; reported(lambda: print('x'))()"
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (1, b"ossia: No space left on device\n")
