"""The command itself: help, version, and how long a user waits for them."""

import resource
import subprocess
import sys
from collections.abc import Callable

import pytest

import ossia as package

Run = Callable[..., subprocess.CompletedProcess[str]]
VERBS = ("run", "list", "show", "rm", "cp", "import", "create", "verify", "convert", "synth")


def test_version(ossia: Run) -> None:
    assert ossia("--version").stdout == f"ossia {package.__version__}\n"


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_of_every_verb_has_an_example(ossia: Run, verb: str) -> None:
    told = ossia(*verb.split(), "--help")
    assert told.returncode == 0
    assert f"  ossia {verb}" in told.stdout.split("Examples:")[1]


def test_help_fits_a_narrow_window(ossia: Run) -> None:
    told = ossia("--help", env={"COLUMNS": "40", "TERMINAL_WIDTH": "40"}).stdout
    prose = [line for line in told.splitlines() if not line.startswith("    ")]
    assert max(map(len, prose)) <= 60


def test_help_takes_under_200_ms_of_a_processor(ossia: Run) -> None:
    """Processor time, least of five: what others do on this machine does not count."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    took = []
    for _ in range(5):
        before = spent()
        ossia("--help")
        took.append(spent() - before)
    assert min(took) < 0.2


def test_help_loads_no_large_library() -> None:
    code = (
        "import sys, ossia.cli.app\n"
        "print(*sys.modules.keys() & {'numpy', 'rich', 'prompt_toolkit', 'tokenizers', 'asyncio'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    "arguments", [["rum", "nano"], ["run"], ["run", "nano", "--no-such-flag"], ["show"]]
)
def test_wrong_usage_is_exit_code_2(ossia: Run, arguments: list[str]) -> None:
    done = ossia(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
