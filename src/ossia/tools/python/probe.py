"""What protects this machine from code that a model wrote, and what to do where nothing does.

Finds out by starting a sandbox and asking it how it stands. Knows why a start fails on the systems
that forbid it; not what the sandbox is made of.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ossia.base.errors import BackendError
from ossia.tools.python.interpreter import Interpreter
from ossia.tools.python.limits import Limits
from ossia.tools.python.session import Session

_OLDEST = (0, 7)
"""bubblewrap's first version that limits the size of a folder in memory."""


@dataclass(frozen=True)
class Protection:
    """What stands between a model's code and this machine.

    Attributes:
        bubblewrap: its version.
        landlock: version of the kernel's Landlock; 0 is none.
        seccomp: whether system calls are filtered.
        python: version of the Python inside.
    """

    bubblewrap: str
    landlock: int
    seccomp: bool
    python: str

    def __str__(self) -> str:
        walls = [
            f"bubblewrap {self.bubblewrap} (own user, process, network, IPC and mount namespaces)",
            f"Landlock {self.landlock}" if self.landlock else "no Landlock in this kernel",
            "a filter of system calls" if self.seccomp else f"no filter for {platform.machine()}",
        ]
        return f"Python {self.python} behind {', '.join(walls)}"


async def probe(interpreter: Interpreter, limits: Limits) -> Protection:
    """Starts a sandbox and looks.

    Raises:
        BackendError: nothing can protect here; says why and what helps.
    """
    session = await start(interpreter, limits)
    try:
        return protection(session)
    finally:
        await session.close()


async def start(interpreter: Interpreter, limits: Limits) -> Session:
    """A sandbox that stands as it should.

    Raises:
        BackendError: none can stand here; says why and what helps.
    """
    program = bubblewrap()
    try:
        session = await Session.start(interpreter, limits, program)
    except BackendError as error:
        raise BackendError(
            f"python's sandbox does not start: {error}; {remedy(str(error))}"
        ) from error
    hello = session.hello
    if (
        hello is None
        or hello.pid != 1
        or hello.has_capabilities
        or hello.can_gain_privileges
        or set(hello.networks) - {"lo"}
    ):
        await session.close()
        raise BackendError(f"bubblewrap at {program} does not protect as it should; {_OTHERWISE}")
    return session


def protection(session: Session) -> Protection:
    """What protects from what runs in a session."""
    assert session.hello is not None
    hello = session.hello
    return Protection(_version(bubblewrap()), hello.landlock, hello.seccomp == 2, hello.python)


def bubblewrap() -> str:
    """Path of a bubblewrap that is new enough.

    Raises:
        BackendError: there is none.
    """
    if sys.platform != "linux":
        raise BackendError(
            f"python's sandbox needs Linux, and this is {platform.system()}: run ossia in a Linux "
            f"virtual machine or in WSL; {_OTHERWISE}"
        )
    program = shutil.which("bwrap")
    if program is None:
        raise BackendError(
            "python's sandbox needs bubblewrap: install it (apt install bubblewrap, dnf install "
            f"bubblewrap, pacman -S bubblewrap); {_OTHERWISE}"
        )
    version = _version(program)
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < _OLDEST:
        raise BackendError(
            f"python's sandbox needs bubblewrap 0.7 or newer; {program} is {version or 'unknown'}; "
            f"{_OTHERWISE}"
        )
    return program


_OTHERWISE = "--unsafe-python goes on without any protection"

_SWITCHES = {
    "kernel/apparmor_restrict_unprivileged_userns": (
        "1",
        "AppArmor forbids user namespaces here (Ubuntu): give bwrap a profile that allows "
        "userns (install apparmor-profiles, then: sudo ln -s "
        "/usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/ && "
        "sudo apparmor_parser /etc/apparmor.d/bwrap-userns-restrict)",
    ),
    "kernel/unprivileged_userns_clone": (
        "0",
        "user namespaces are switched off: sudo sysctl kernel.unprivileged_userns_clone=1",
    ),
    "user/max_user_namespaces": (
        "0",
        "user namespaces are switched off: sudo sysctl user.max_user_namespaces=10000",
    ),
}
"""Files below /proc/sys, what they hold where they forbid it, and what helps."""


def remedy(complaint: str, settings: Path = Path("/proc/sys"), root: Path = Path("/")) -> str:
    """What helps where a sandbox did not start.

    Args:
        complaint: what bubblewrap said.
        settings: the kernel's switches.
        root: of this machine's files.
    """
    if os.geteuid() != 0 or "uid map" not in complaint:
        for name, (forbids, advice) in _SWITCHES.items():
            try:
                is_so = (settings / name).read_text("ascii").strip() == forbids
            except OSError:
                continue
            if is_so:
                return f"{advice}; {_OTHERWISE}"
    if any((root / mark).exists() for mark in (".dockerenv", "run/.containerenv")):
        return (
            "this is a container that allows no namespaces: start it with --security-opt "
            f"seccomp=unconfined --security-opt systempaths=unconfined; {_OTHERWISE}"
        )
    return f"is bwrap allowed to make namespaces here? {_OTHERWISE}"


def _version(program: str) -> str:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip().removeprefix("bubblewrap ")
