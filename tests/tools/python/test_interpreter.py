import subprocess
import sys
from pathlib import Path

import pytest

from ossia.base.errors import InputError
from ossia.tools.python import find

from .notebook import text


def test_by_default_it_is_the_one_that_runs_this_without_its_packages() -> None:
    interpreter = find(None)
    assert interpreter.executable.is_file()
    assert not interpreter.executable.is_symlink()
    assert not interpreter.sites
    shown = text("import sys; print(sys.version)\nimport ossia")
    assert shown.startswith(sys.version)
    assert "No module named 'ossia'" in shown


def test_a_named_environment_brings_its_packages_and_no_more(tmp_path: Path) -> None:
    venv = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (site,) = find(venv).sites
    (site / "greeting.py").write_text("text = 'hello'")
    (tmp_path / "beside.txt").write_text("not for it")
    code = f"import greeting, os\nprint(greeting.text)\nos.listdir({str(tmp_path)!r})"
    assert text(code, venv=venv) == "hello\n['environment']"
    written = text(f"open({str(site / 'evil.py')!r}, 'w')", venv=venv)
    assert "PermissionError" in written or "Read-only" in written


def test_an_environment_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="python -m venv"):
        find(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text("#!/bin/sh\necho nonsense\n")
    (tmp_path / "bin" / "python").chmod(0o755)
    with pytest.raises(InputError, match="python -m venv"):
        find(tmp_path)
