"""Landlock alone, without bubblewrap around it: it must hold by itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ossia.tools.python.guest import landlock

CODE = """
import ctypes, os, socket, sys
from ossia.tools.python.guest import landlock
assert ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) == 0  # no new privileges
victim = os.getppid()
if len(sys.argv) > 4:
    landlock.restrict([sys.argv[1]])
def attempt(name, act):
    try:
        act()
        print(name, end=" ")
    except PermissionError:
        pass
attempt("within", lambda: open(sys.argv[1] + "/file", "w"))
attempt("outside", lambda: open(sys.argv[2] + "/file", "w"))
attempt("cut", lambda: os.truncate(sys.argv[2] + "/kept", 0))
attempt("moved", lambda: os.rename(sys.argv[1] + "/file", sys.argv[2] + "/moved"))
attempt("read", lambda: open(sys.argv[2] + "/kept").read())
attempt("null", lambda: open("/dev/null", "w").write("x"))
attempt("port", lambda: socket.create_connection(("127.0.0.1", int(sys.argv[3]))))
attempt("signal", lambda: os.kill(victim, 0))
"""


@pytest.mark.parametrize("restricted", [True, False])
def test_only_named_folders_can_be_written(restricted: bool, tmp_path: Path) -> None:
    import socket

    if not (sys.platform == "linux" and landlock.version()):
        pytest.skip("no Landlock in this kernel")
    for name in ("inner", "outer"):
        (tmp_path / name).mkdir()
    (tmp_path / "outer" / "kept").write_text("kept")
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = [str(tmp_path / "inner"), str(tmp_path / "outer"), str(server.getsockname()[1])]
        done = subprocess.run(
            [sys.executable, "-c", CODE, *words, *(["yes"] if restricted else [])],
            capture_output=True,
            text=True,
            check=True,
            env={"PATH": os.defpath},
        )
    did = set(done.stdout.split())
    if not restricted:
        assert did == {"within", "outside", "cut", "moved", "read", "null", "port", "signal"}
        return
    allowed = {"within", "read", "null"}
    by_version = {"cut": 3, "port": 4, "signal": 6}
    allowed |= {name for name, since in by_version.items() if landlock.version() < since}
    assert did == allowed
