"""The command line of bubblewrap: what of this machine the model's code gets to see.

Knows namespaces and mounts. Everything is absent unless it is named here: the root is an empty
folder in memory, the system's programs and libraries lie in it unchangeable, and three folders in
memory can be written to. There is no network but an unconnected loopback, no process but its own.
"""

from collections.abc import Sequence
from pathlib import Path

from ossia.tools.python.interpreter import Interpreter
from ossia.tools.python.limits import Limits

GUEST = Path(__file__).with_name("guest")
ROOT = "/run/ossia"
"""Where the package ``guest`` lies inside."""

FOLDER = "/mnt/data"
"""Where the code works: as the model was told in training."""

SPACES = (FOLDER, "/tmp", "/dev/shm")
"""All that can be written to."""

ENVIRONMENT = {
    "HOME": FOLDER,
    "LANG": "C.UTF-8",
    "LOGNAME": "user",
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": "/tmp/matplotlib",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PWD": FOLDER,
    "TERM": "dumb",
    "TMPDIR": "/tmp",
    "USER": "user",
}

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store")
_SETTINGS = ("ld.so.cache", "alternatives", "fonts", "localtime", "mime.types")


def command(
    program: str, interpreter: Interpreter, limits: Limits, seccomp: int | None
) -> list[str]:
    """What comes before the interpreter's own arguments.

    Args:
        program: path of bubblewrap.
        interpreter: which Python.
        limits: of which the sizes of folders are kept here.
        seccomp: an open file with the filter of system calls, if there is one.
    """
    return [
        program,
        *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
        *("--unshare-cgroup-try", "--hostname", "sandbox", "--uid", "1000", "--gid", "1000"),
        *("--cap-drop", "ALL", "--new-session", "--die-with-parent", "--as-pid-1"),
        *_system(),
        *_spaces(limits),
        *_python(interpreter),  # after the spaces, in one of which an environment may lie
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", FOLDER),
        *(() if seccomp is None else ("--seccomp", str(seccomp))),
        "--",
    ]


def _system() -> Sequence[str]:
    arguments = ["--proc", "/proc", "--dev", "/dev"]
    for folder in _SYSTEM:
        arguments += _as_it_lies(Path(folder))
    for name in _SETTINGS:
        arguments += ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    return arguments


def _python(interpreter: Interpreter) -> Sequence[str]:
    arguments: list[str] = []
    for needed in interpreter.folders:
        if not any(needed.is_relative_to(folder) for folder in _SYSTEM):
            arguments += ("--ro-bind", str(needed), str(needed))
    return [*arguments, "--ro-bind", str(GUEST), f"{ROOT}/guest"]


def _as_it_lies(folder: Path) -> Sequence[str]:
    """A folder of the system: as the link that it often is, or bound."""
    if folder.is_symlink():
        return ("--symlink", str(folder.readlink()), str(folder))
    return ("--ro-bind", str(folder), str(folder)) if folder.is_dir() else ()


def _spaces(limits: Limits) -> Sequence[str]:
    sizes = (limits.disk, limits.disk // 4, limits.disk // 4)
    arguments: list[str] = []
    for space, size in zip(SPACES, sizes, strict=True):
        arguments += ("--size", str(size), "--tmpfs", space)
    return arguments
