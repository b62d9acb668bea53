"""Examples print what they say they print."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_what_its_first_lines_say(example: Path) -> None:
    _, _, shown = example.read_text(encoding="utf-8").split('"""')[1].partition("\n$ python ")
    command, _, rest = shown.partition("\n")
    expected = rest.partition("\n\n")[0].rstrip("\n")
    assert expected
    done = subprocess.run(
        [sys.executable, *shlex.split(command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout.rstrip("\n"), done.stderr) == (0, expected, "")
