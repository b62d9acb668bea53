"""Which Python runs the model's code, and which folders it is made of.

By default the one that runs ossia, without the packages around ossia; or that of a virtual
environment which the user names, with its packages. Knows files; runs nothing of a model.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ossia.base.errors import InputError

_ASK = """
import json, os, sys, sysconfig
paths = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
assert sys.version_info >= (3, 10)
print(json.dumps([os.path.realpath(sys.executable), sys.base_prefix, *sorted(set(paths))]))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python.

    Attributes:
        executable: no link.
        prefix: where its library lies.
        sites: folders of packages that are added to its own.
    """

    executable: Path
    prefix: Path
    sites: tuple[Path, ...] = ()

    @property
    def folders(self) -> tuple[Path, ...]:
        """All that has to be read for it to run, beside the system's own folders."""
        parts = (self.prefix / name for name in ("bin", "lib", "lib64"))
        return (*(part for part in parts if part.is_dir()), *self.sites)


def find(venv: Path | None) -> Interpreter:
    """The Python of a virtual environment, or the one that runs this.

    Raises:
        InputError: there is no environment, or its Python does not start.
    """
    if venv is None:
        return Interpreter(Path(sys.executable).resolve(), Path(sys.base_prefix))
    python = venv / "bin" / "python"
    try:
        done = subprocess.run(
            [python, "-I", "-c", _ASK], capture_output=True, text=True, timeout=60, check=True
        )
        executable, prefix, *sites = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise InputError(
            f"{venv} is no Python environment that works: {python} does not start or is "
            "older than 3.10; "
            f"make one with: python -m venv {venv}"
        ) from error
    return Interpreter(Path(executable), Path(prefix), tuple(map(Path, sites)))
