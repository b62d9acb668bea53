"""Pages that quote the program say what it says, and links between pages lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
)


def test_the_reference_is_what_the_code_says() -> None:
    generate = ROOT / "docs" / "reference" / "generate.py"
    done = subprocess.run(
        [sys.executable, generate, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_korean_readme_has_the_same_sections_and_commands() -> None:
    english, korean = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md")
    )
    assert len(re.findall("^#", english, re.MULTILINE)) == len(
        re.findall("^#", korean, re.MULTILINE)
    )
    commands = re.compile(r"^\$ .*", re.MULTILINE)
    assert commands.findall(english) == commands.findall(korean)
