"""A run opens no connection: the kernel kills a process that asks for an Internet socket."""

import signal
import struct
import subprocess
import sys

import pytest
from tests.cli.conftest import OSSIA

FORBIDDING = """
import ctypes, os, platform, struct, sys
NUMBER = {"x86_64": 41, "aarch64": 198}[platform.machine()]  # of the system call socket
KILL, ALLOW = 0x80000000, 0x7FFF0000
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
program = [
    (LOAD, 0, 0, 0),             # the number of the system call
    (EQUAL, 0, 4, NUMBER),
    (LOAD, 0, 0, 16),            # its first argument, the family
    (EQUAL, 1, 0, 2),            # AF_INET
    (EQUAL, 0, 1, 10),           # AF_INET6
    (RETURN, 0, 0, KILL),
    (RETURN, 0, 0, ALLOW),
]
code = b"".join(struct.pack("HBBI", *line) for line in program)
memory = ctypes.create_string_buffer(code)
address = ctypes.addressof(memory)
header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), address))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0   # no new privileges
if libc.prctl(22, 2, header, 0, 0):      # a seccomp filter
    sys.exit(99)
os.execv(sys.argv[1], sys.argv[1:])
"""


def forbidden(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    """A command that is killed as soon as it asks for an Internet socket."""
    if sys.platform != "linux" or struct.calcsize("P") != 8:
        pytest.skip("seccomp is Linux's")
    done = subprocess.run(
        [sys.executable, "-c", FORBIDDING, *command],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode == 99:
        pytest.skip("this system allows no seccomp filter")
    return done


def test_the_kernel_kills_who_asks_for_a_connection(environment: dict[str, str]) -> None:
    """The check can fail: without this test the next one would prove nothing."""
    for family in ("AF_INET", "AF_INET6"):
        script = f"import socket; socket.socket(socket.{family})"
        killed = forbidden(environment, sys.executable, "-c", script)
        assert killed.returncode == -signal.SIGSYS
    allowed = "import socket; socket.socket(socket.AF_UNIX)"
    assert forbidden(environment, sys.executable, "-c", allowed).returncode == 0
    pulled = forbidden(environment, OSSIA, "pull", "gpt-oss:20b")
    assert pulled.returncode == -signal.SIGSYS


@pytest.mark.parametrize(
    "command",
    [
        ("run", "nano", "--temperature", "0", "What is 27 + 58?"),
        ("run", "nano", "--json", "What is 27 + 58?"),
        ("list",),
        ("show", "gpt-oss:20b"),
        ("show", "nano"),
    ],
    ids=" ".join,
)
def test_a_run_asks_for_none(environment: dict[str, str], command: tuple[str, ...]) -> None:
    done = forbidden(environment, OSSIA, *command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_a_run_does_not_even_load_the_door(environment: dict[str, str]) -> None:
    script = """
import sys
from ossia.cli import app
try:
    app.app(["run", "nano", "--temperature", "0", "1 + 1?"], standalone_mode=False)
except SystemExit:
    pass
doors = {"ossia.hub.network", "urllib.request", "http.client", "huggingface_hub"}
print(sorted(doors & sys.modules.keys()), file=sys.stderr)
"""
    done = forbidden(environment, sys.executable, "-c", script)
    assert done.stderr.strip().splitlines()[-1] == "[]", done.stderr
