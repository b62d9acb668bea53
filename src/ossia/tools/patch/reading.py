"""Looking into a folder before it is patched: its files, and pieces of one. Changes nothing."""

import json
from typing import Any

from ossia.base.errors import InputError
from ossia.harmony import Tool as Function
from ossia.tools.patch.folder import Folder

MAX_LINES, MAX_TEXT, MAX_FILES = 1000, 50_000, 1000

_PATH = {"type": "string", "description": "within the folder, such as src/a.py"}
READ_FILE = Function(
    "read_file",
    f"Shows a text file, up to {MAX_LINES} lines at once.",
    {
        "type": "object",
        "properties": {
            "path": _PATH,
            "start": {"type": "integer", "description": "the first line, from 1", "default": 1},
        },
        "required": ["path"],
    },
)
LIST_FILES = Function(
    "list_files",
    "Lists the files of the folder, or of one in it, with all that lies below.",
    {"type": "object", "properties": {"path": _PATH}},
)


def look(folder: Folder, name: str, text: str) -> str:
    """What ``read_file`` or ``list_files`` shows.

    Raises:
        InputError: the arguments are none, or there is nothing such to show.
    """
    arguments = _arguments(text)
    path = arguments.get("path", "")
    if not isinstance(path, str):
        raise InputError(f"path is {path!r:.40}; expected one like src/a.py")
    if name == LIST_FILES.name:
        return _listed(folder, path)
    start = arguments.get("start", 1)
    if type(start) is not int or start < 1:
        raise InputError(f"start is {start!r:.40}; expected the number of a line, from 1")
    return _shown(folder, path, start)


def _arguments(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}", strict=False)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the arguments are no JSON: {error!s:.80}") from None
    if not isinstance(value, dict):
        raise InputError('the arguments are no object; expected {"path": "src/a.py"}')
    return value


def _listed(folder: Folder, path: str) -> str:
    found = folder.files(path, MAX_FILES + 1)
    more = (
        [f"[there are more than {MAX_FILES:,} files; name a folder]"] if found[MAX_FILES:] else []
    )
    return "\n".join([*found[:MAX_FILES], *more]) or "[no files]"


def _shown(folder: Folder, path: str, start: int) -> str:
    file = folder.read(path)
    if file is None:
        raise InputError(f"{path} is not in the folder")
    if b"\0" in file.data:
        raise InputError(f"{path} is no text; only text is shown")
    lines = file.data.decode("utf-8", "replace").removeprefix("\ufeff").split("\n")
    if lines[-1] == "":
        lines.pop()
    if start > max(len(lines), 1):
        raise InputError(f"{path} has {len(lines)} lines; there is no line {start}")
    piece = "\n".join(line.removesuffix("\r") for line in lines[start - 1 :][:MAX_LINES])
    end = min(start - 1 + MAX_LINES, len(lines))
    if len(piece) > MAX_TEXT:
        whole = piece[:MAX_TEXT].count("\n")
        piece = piece[:MAX_TEXT] if not whole else piece[:MAX_TEXT].rpartition("\n")[0]
        end = start - 1 + max(whole, 1)
    return f"[{path}, lines {min(start, len(lines))} to {end} of {len(lines)}]\n{piece}"
