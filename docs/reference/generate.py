"""Writes the pages of this folder from the code; ``--check`` only compares.

Help texts come from the command itself; the error tree, the environment variables and the names
for scripts from the docstrings that stand beside the code.
"""

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ossia
from ossia.base import errors, settings

FOLDER = Path(__file__).parent
OSSIA = Path(sys.executable).with_name("ossia")
VERBS = (
    *("run", "pull", "list", "show", "rm", "cp", "import", "create", "verify"),
    *("chats", "serve", "ps", "stop", "key create", "key list", "key revoke"),
    *("bench", "convert", "synth", "harmony render", "harmony parse"),
)
MADE = "<!-- Made by scripts/reference; edit the code, not this page. -->\n\n"


def main() -> None:
    """Write the pages, or name those that are stale and fail."""
    pages = {
        "commands.md": commands(),
        "errors.md": error_tree(),
        "python.md": names_for_scripts(),
        "settings.md": variables(),
    }
    stale = [name for name, text in pages.items() if not is_fresh(FOLDER / name, text)]
    if "--check" in sys.argv[1:]:
        if stale:
            sys.exit(f"stale: {', '.join(stale)}; run scripts/reference")
        return
    for name in stale:
        (FOLDER / name).write_text(pages[name], encoding="utf-8")


def is_fresh(path: Path, text: str) -> bool:
    """Whether a page says what the code says."""
    return path.is_file() and path.read_text(encoding="utf-8") == text


def commands() -> str:
    """The help text of the command and of every verb."""
    parts = [MADE + "# Commands\n"]
    for verb in ((), *(verb.split() for verb in VERBS)):
        parts.append(f"\n## {' '.join(('ossia', *verb))}\n\n```text\n{help_text(*verb)}\n```\n")
    return "".join(parts)


def help_text(*verb: str) -> str:
    """What ``ossia VERB --help`` prints in a terminal of 80 columns."""
    environment = os.environ | {"COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1"}
    done = subprocess.run(
        [OSSIA, *verb, "--help"], capture_output=True, text=True, check=True, env=environment
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def error_tree() -> str:
    """The tree that ``base/errors.py`` opens with."""
    return f"{MADE}# Errors\n\n```text\n{inspect.getdoc(errors)}\n```\n"


def variables() -> str:
    """The environment variables, each with its docstring's text."""
    lines = [MADE, "# Environment variables\n\n", "| variable | meaning |\n|---|---|\n"]
    for _, function in inspect.getmembers(settings, inspect.isfunction):
        text = " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())
        name, colon, meaning = text.partition(": ")
        if colon and name.isupper():
            lines.append(f"| `{name}` | {meaning.replace('|', '&#124;')} |\n")
    return "".join(lines)


def names_for_scripts() -> str:
    """What ``import ossia`` offers, with the methods of what it offers."""
    parts = [MADE, "# Names for scripts\n\nHow they go together: [from Python](../python.md).\n"]
    names = set(dir(ossia)) - {"__version__"}
    for name in sorted(names, key=lambda name: (name.lower(), name)):  # Tool and tool
        found = getattr(ossia, name)
        parts.append(described(f"ossia.{name}", found, level=2))
        for method, function in vars(found).items() if inspect.isclass(found) else ():
            if inspect.isfunction(function) and not method.startswith("_"):
                parts.append(described(f"{name}.{method}", function, level=3))
    return "".join(parts)


def described(name: str, found: Any, level: int) -> str:
    """A heading with what it takes, and its docstring."""
    takes = "" if inspect.isclass(found) else spelled_parameters(found)
    text = inspect.cleandoc(found.__doc__ or "")
    return f"\n{'#' * level} {name}{takes}\n\n```text\n{text}\n```\n"


def spelled_parameters(function: Any) -> str:
    """A signature without types, which stand in the code and in editors."""
    signature = inspect.signature(function)
    parameters = [
        each.replace(annotation=inspect.Parameter.empty)
        for each in signature.parameters.values()
        if each.name != "self"
    ]
    bare = signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    return str(bare)


if __name__ == "__main__":
    main()
