"""The house as a test: floors, and tests that mirror the source."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "ossia"
ROOMS = sorted(path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists())


def test_floors_hold() -> None:
    """The contract in pyproject.toml: imports only descend."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_room_has_tests_named_after_its_modules() -> None:
    for room in ROOMS:
        modules = {path.stem for path in (SOURCE / room).rglob("*.py")}
        tests = list((ROOT / "tests" / room).rglob("test_*.py"))
        assert tests, f"no tests for {room}"
        strangers = {
            test.stem
            for test in tests
            if not any(test.stem.removeprefix("test_").startswith(module) for module in modules)
        }
        assert not strangers, f"tests/{room}: named after no module: {sorted(strangers)}"


def test_every_file_says_what_it_knows() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in SOURCE.rglob("*.py")
        if not path.read_text("utf-8").lstrip().startswith(('"""', 'r"""'))
    ]
    assert not silent


def test_only_settings_reads_the_environment() -> None:
    readers = [
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if "os.environ" in path.read_text("utf-8") or "getenv" in path.read_text("utf-8")
    ]
    assert readers == ["base/settings.py"]
