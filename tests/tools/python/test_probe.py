import asyncio
import shutil
import sys
from pathlib import Path

import pytest

from ossia.base.errors import BackendError
from ossia.tools import Call
from ossia.tools.python import Limits, PythonTool, find, probe

from .notebook import needs_sandbox, run


def test_what_protects_is_seen_from_inside() -> None:
    needs_sandbox()
    protection = asyncio.run(probe.probe(find(None), Limits()))
    assert protection.seccomp
    assert protection.python == sys.version.split()[0]
    assert f"bubblewrap {protection.bubblewrap}" in str(protection)


def refused() -> str:
    with pytest.raises(BackendError) as caught:
        asyncio.run(PythonTool().call(Call("python", "1")))
    message = str(caught.value)
    assert "--unsafe-python" in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_refuse(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert "needs Linux" in refused()


def test_without_bubblewrap_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert "apt install bubblewrap" in refused()
    assert run("1 + 1", unsafe=True)[0].text == "2"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ('echo "bubblewrap 0.6.1"', "0.7 or newer"),
        ("echo nonsense", "0.7 or newer"),
        # It says the right version and protects from nothing: found out by what is seen inside.
        (
            'test "$1" = --version && echo "bubblewrap 9.9" && exit\n'
            'while test "$1" != --; do shift; done; shift; exec "$@"',
            "",
        ),
        (
            'test "$1" = --version && echo "bubblewrap 9.9" && exit\n'
            'echo "bwrap: setting up uid map: Permission denied" >&2; exit 1',
            "setting up uid map: Permission denied",
        ),
    ],
)
def test_a_bubblewrap_that_does_not_work_is_refused(
    script: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform != "linux":
        pytest.skip("no Linux")
    program = tmp_path / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    assert told in refused()


@pytest.mark.parametrize(
    ("switch", "value", "advice"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor"),
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "user.max_user_namespaces=10000"),
        ("", "", "is bwrap allowed"),
    ],
)
def test_remedies(switch: str, value: str, advice: str, tmp_path: Path) -> None:
    if switch:
        (tmp_path / switch).parent.mkdir(parents=True)
        (tmp_path / switch).write_text(f"{value}\n")
    assert advice in probe.remedy("bwrap: Creating new namespace failed", tmp_path, tmp_path)


def test_the_remedy_in_a_container(tmp_path: Path) -> None:
    (tmp_path / ".dockerenv").touch()
    assert "container" in probe.remedy("bwrap: No permissions", tmp_path, tmp_path)
