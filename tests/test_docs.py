"""Pages that quote the program say what it says, and links between pages lead somewhere."""

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ossia.bench.expected import expected_traffic
from ossia.checkpoint import SyntheticCheckpoint, SyntheticShape
from ossia.engine import plan_memory
from ossia.model import Config
from ossia.model.prepare import MATRICES
from ossia.numerics.tiles import tiles_shape

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


@pytest.mark.parametrize(("shape", "column"), [("20b", 2), ("120b", 3)])
def test_the_page_about_models_tells_what_the_plan_says(shape: str, column: int) -> None:
    source = SyntheticCheckpoint(SyntheticShape.parse(shape))
    config = Config.from_mapping(source.config)
    matrices = {n: i for n, i in source.tensors.items() if n.rpartition(".")[2] in MATRICES}
    packed = sum(
        math.prod(tiles_shape(info.shape, info.encoding == "MXFP4", 1))
        for info in matrices.values()
    )
    weights = sum(info.nbytes for info in source.tensors.values())
    held = packed + weights - sum(info.nbytes for info in matrices.values())
    told = {"weights packed": packed, "read for each": expected_traffic(config, 512, 2).total}
    for context in (4096, 8192, 32768, 131072):
        told[f"{context:,} tokens"] = held + plan_memory(config, context, 2).kv_bytes
    rows = (ROOT / "docs" / "models.md").read_text(encoding="utf-8").splitlines()
    for label, nbytes in told.items():
        row = next(row for row in rows if row.startswith("|") and label in row)
        assert f"{nbytes / 1e9:.1f} GB" in row.split("|")[column], label
