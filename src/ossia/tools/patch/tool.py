"""The tool ``patch``: reads a folder's files and changes them, by diffs that can be undone."""

import difflib
import json
from pathlib import Path

from ossia.base.errors import InputError
from ossia.harmony import Namespace
from ossia.harmony import Tool as Function
from ossia.tools.patch.fitting import fit
from ossia.tools.patch.folder import Edit, File, Folder
from ossia.tools.patch.reading import LIST_FILES, READ_FILE, look
from ossia.tools.patch.syntax import Change, Deletion, Patch, parse
from ossia.tools.tool import Action, Call, Deed, Result

_INPUT = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "from *** Begin Patch to *** End"}},
    "required": ["input"],
}
_FUNCTIONS = (
    Function("apply_patch", "Changes files of the folder, all or none.", _INPUT),
    Function("undo_patch", "Takes the last patch back."),
    READ_FILE,
    LIST_FILES,
)

_LOOKS = (READ_FILE.name, LIST_FILES.name)


class PatchTool:
    """Patches within one folder, for one conversation."""

    name = "patch"
    namespaces: tuple[Namespace, ...] = ()
    functions = _FUNCTIONS

    def __init__(self, folder: Path) -> None:
        self._folder = Folder(folder)
        self._applied: list[tuple[Edit, ...]] = []

    def action(self, call: Call) -> Action:
        """What a call would change, as a unified diff; or what it looks at."""
        if (name := _name(call)) in _LOOKS:
            summary = f"{name.replace('_', ' ')}: {call.text:.100}"
            return Action(self.name, Deed.READ, str(self._folder.root), summary)
        try:
            edits, _ = self._edits(call)
        except InputError as error:
            return self._action("a patch that cannot be applied", str(error))
        return self._action(_summary(edits), diff_of(edits))

    async def call(self, call: Call) -> Result:
        """Applies a patch, takes the last one back, or looks at files."""
        if (name := _name(call)) in _LOOKS:
            try:
                return Result(look(self._folder, name, call.text))
            except InputError as error:
                return Result(f"error: {error}", is_error=True)
        try:
            edits, mended = self._edits(call)
            self._folder.commit(edits)
        except InputError as error:
            return Result(f"nothing was changed: {error}", is_error=True)
        if _is_undo(call):
            self._applied.pop()
        else:
            self._applied.append(edits)
        notes = f"\nmended: {', '.join(mended)}" if mended else ""
        return Result(_summary(edits) + notes, details={"diff": diff_of(edits)})

    async def close(self) -> None:
        """Lets go of the folder."""
        self._folder.close()

    def _action(self, summary: str, detail: str) -> Action:
        return Action(self.name, Deed.WRITE, str(self._folder.root), summary, detail)

    def _edits(self, call: Call) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
        if not _is_undo(call):
            patch = parse(_input(call.text))
            return plan(self._folder, patch)
        if not self._applied:
            raise InputError("there is no patch of this conversation to take back")
        return tuple(Edit(e.path, e.after, e.before) for e in reversed(self._applied[-1])), ()


def plan(folder: Folder, patch: Patch) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
    """The edits that a patch asks for, and what was mended.

    Raises:
        InputError: a file is missing or in the way, or a hunk fits nowhere.
    """
    before: dict[str, File | None] = {}
    after: dict[str, File | None] = {}
    mended = list(patch.mended)

    def seen(path: str) -> File | None:
        if path not in before:
            before[path] = after[path] = folder.read(path)
        return after[path]

    for change in patch.changes:
        file = seen(change.path)
        if isinstance(change, Change) and change.content is not None:
            if file is not None:
                raise InputError(f"{change.path} is there already; update it instead")
            after[change.path] = File("".join(f"{line}\n" for line in change.content).encode())
            continue
        if file is None:
            raise InputError(f"{change.path} is not in the folder")
        after[change.path] = None
        if isinstance(change, Deletion):
            continue
        target = change.move_to or change.path
        if seen(target) is not None:
            raise InputError(f"{target} is there already; nothing moves over it")
        after[target] = _updated(change, file, mended)
    edits = tuple(Edit(p, before[p], after[p]) for p in before if before[p] != after[p])
    return edits, tuple(dict.fromkeys(mended))


def _updated(change: Change, file: File, mended: list[str]) -> File:
    if b"\0" in file.data:
        raise InputError(f"{change.path} is no text; only text is patched")
    try:
        text, notes = fit(file.data.decode("utf-8", "surrogateescape"), change.hunks)
    except InputError as error:
        raise InputError(f"{change.path}: {error}") from error
    mended += notes
    return File(text.encode("utf-8", "surrogateescape"), file.mode)


def diff_of(edits: tuple[Edit, ...]) -> str:
    """A unified diff for people."""
    parts: list[str] = []
    for edit in edits:
        old, new = (
            (file.data.decode("utf-8", "replace").splitlines() if file else [])
            for file in (edit.before, edit.after)
        )
        source = f"a/{edit.path}" if edit.before else "/dev/null"
        target = f"b/{edit.path}" if edit.after else "/dev/null"
        parts += difflib.unified_diff(old, new, source, target, lineterm="")
    return "\n".join(parts)


def _summary(edits: tuple[Edit, ...]) -> str:
    words = []
    for edit in edits:
        verb = "add" if not edit.before else "update" if edit.after else "delete"
        words.append(f"{verb} {edit.path}")
    return ", ".join(words) or "change nothing"


def _name(call: Call) -> str:
    return call.recipient.rpartition(".")[2]


def _is_undo(call: Call) -> bool:
    return _name(call) == "undo_patch"


def _input(text: str) -> str:
    """The patch within a call's arguments, which may be the bare patch."""
    if text.lstrip().startswith("{"):
        try:
            value = json.loads(text, strict=False).get("input")
        except ValueError as error:
            raise InputError(f"the arguments are no JSON: {error}") from error
        if not isinstance(value, str):
            raise InputError('the arguments lack the patch; expected {"input": "*** Begin Patch…"}')
        return value
    return text
