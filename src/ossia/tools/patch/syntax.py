"""What a patch says, read from what the model wrote. Knows the format; not the files it changes.

    *** Begin Patch
    *** Update File: PATH           then "*** Move to: PATH" if it moves, and hunks:
    @@ LINE                         a line that stands above the hunk; several narrow it down
     kept                           " ", "-" and "+": kept, removed, added
    *** End of File                 the hunk ends where the file does
    *** Add File: PATH              then its lines, each after "+"
    *** Delete File: PATH
    *** End Patch

Mended is only what can mean one thing, and each mending is named.
"""

import re
from dataclasses import dataclass

from ossia.base.errors import InputError

BEGIN, END, END_OF_FILE = "*** Begin Patch", "*** End Patch", "*** End of File"
_HEADER = re.compile(r"\*\*\* (Add|Update|Delete) File: ?(.*)")
_MOVE = "*** Move to:"
_WRAPPER = re.compile(r"""(?:apply_patch\s+)?<<\s*(['"]?)(\w+)\1""")
_FENCE = re.compile(r"```[\w-]*")


@dataclass(frozen=True)
class Hunk:
    """Lines that change together.

    Attributes:
        anchors: lines above it, from the outermost in.
        lines: pairs of a sign (``" "``, ``"-"``, ``"+"``) and a line without its ending.
        is_at_end: whether it ends where the file ends.
    """

    anchors: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]
    is_at_end: bool = False

    @property
    def old(self) -> tuple[str, ...]:
        """The lines that it expects to find."""
        return tuple(line for sign, line in self.lines if sign != "+")


@dataclass(frozen=True)
class Change:
    """A file that is added (``content`` is its lines) or updated (``hunks``), and may move."""

    path: str
    content: tuple[str, ...] | None = None
    hunks: tuple[Hunk, ...] = ()
    move_to: str | None = None


@dataclass(frozen=True)
class Deletion:
    """A file that goes."""

    path: str


@dataclass(frozen=True)
class Patch:
    """A whole patch, and what was mended to read it, a phrase each."""

    changes: tuple[Change | Deletion, ...]
    mended: tuple[str, ...] = ()


def parse(text: str) -> Patch:
    """Reads a patch.

    Raises:
        InputError: it cannot be read, or could mean several things; names the line.
    """
    mended: list[str] = []
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
        mended.append("CRLF line endings")
    lines = _unwrapped(text.split("\n"), mended)
    changes: list[Change | Deletion] = []
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        header = _HEADER.fullmatch(lines[at].strip())
        if lines[at].startswith(" "):
            mended.append("blanks before a header")
        if header is None:
            raise InputError(
                f"the patch has {lines[at]!r} where a file's header belongs; expected "
                "'*** Update File: PATH', '*** Add File: PATH' or '*** Delete File: PATH'"
            )
        kind, path = header[1], header[2].strip()
        if not path:
            raise InputError(f"the patch names no file in {lines[at]!r}")
        body = _body(lines, at + 1)
        at += 1 + len(body)
        changes.append(_change(kind, path, body, mended))
    if not changes:
        raise InputError(f"the patch changes nothing; expected a file's header after {BEGIN!r}")
    return Patch(tuple(changes), tuple(dict.fromkeys(mended)))


def _unwrapped(lines: list[str], mended: list[str]) -> list[str]:
    """The lines between the two markers, whatever stands around them."""
    begin = next((i for i, line in enumerate(lines) if line.strip() == BEGIN), None)
    if begin is None:
        raise InputError(f"the patch does not begin; expected {BEGIN!r} as its first line")
    ends = [i for i, line in enumerate(lines) if i > begin and line.rstrip() == END]
    last = max((i for i, line in enumerate(lines) if line.strip()), default=begin)
    if not ends and last > begin and lines[last].strip() == END:
        ends = [last]  # nothing else ends the patch, so it is no kept line
        mended.append("blanks before the end marker")
    around = [line.strip() for line in lines[:begin] if line.strip()]
    inner = lines[begin + 1 : ends[0] if ends else len(lines)]
    closers = {"```"}
    for line in around:
        if wrapper := _WRAPPER.fullmatch(line):
            mended.append("a shell command around the patch")
            closers.add(wrapper[2])
        elif _FENCE.fullmatch(line):
            mended.append("a code fence around the patch")
        else:
            raise InputError(f"the patch has {line!r} before {BEGIN!r}; expected nothing")
    rest = [line.strip() for line in lines[ends[0] + 1 :] if line.strip()] if ends else []
    for line in rest:
        if line not in closers:
            raise InputError(f"the patch has {line!r} after {END!r}; expected nothing")
    if not ends:
        mended.append("a missing end marker")
        while inner and (not inner[-1].strip() or (around and inner[-1].strip() in closers)):
            inner.pop()
    return inner


def _body(lines: list[str], start: int) -> list[str]:
    """The lines below a file's header, up to the next one's."""
    end = start
    while end < len(lines) and not _HEADER.fullmatch(lines[end].rstrip()):
        end += 1
    return lines[start:end]


def _change(kind: str, path: str, body: list[str], mended: list[str]) -> Change | Deletion:
    if kind == "Update":
        return _update(path, body, mended)
    while body and not body[-1].strip():
        body = body[:-1]
    if kind == "Delete":
        if body:
            raise InputError(f"the patch deletes {path}, and has {body[0]!r} below; expected none")
        return Deletion(path)
    for line in body:
        if not line.startswith("+"):
            raise InputError(f"{path} is added with the line {line!r}; expected '+' before it")
    return Change(path, content=tuple(line[1:] for line in body))


def _update(path: str, body: list[str], mended: list[str]) -> Change:
    move_to = None
    if body and body[0].startswith(_MOVE):
        move_to = body[0].removeprefix(_MOVE).strip()
        body = body[1:]
        if not move_to:
            raise InputError(f"the patch moves {path} to no path")
    while body and not body[-1]:
        body = body[:-1]
    hunks: list[Hunk] = []
    anchors: list[str] = []
    lines: list[tuple[str, str]] = []

    def finish(is_at_end: bool = False) -> None:
        if lines:
            if all(sign == " " for sign, _ in lines):
                raise InputError(f"a hunk of {path} changes nothing: no line has '+' or '-'")
            hunks.append(Hunk(tuple(anchors), tuple(lines), is_at_end))
            anchors.clear()
            lines.clear()

    for line in body:
        if line.startswith("@@"):
            finish()
            if anchor := _anchor(line, mended):
                anchors.append(anchor)
        elif line.rstrip() == END_OF_FILE:
            finish(is_at_end=True)
        elif not line:
            mended.append("an empty line without its leading blank")
            lines.append((" ", ""))
        elif line[0] in " +-":
            lines.append((line[0], line[1:]))
        else:
            raise InputError(f"a hunk of {path} has {line!r}; expected ' ', '+' or '-' before it")
    finish()
    if anchors or not (hunks or move_to):
        raise InputError(f"the patch updates {path} without a changed line after its header")
    return Change(path, hunks=tuple(hunks), move_to=move_to)


def _anchor(line: str, mended: list[str]) -> str:
    """The line that ``@@`` names, "" for none; line numbers of unified diffs say nothing here."""
    anchor = line[2:].removeprefix(" ").rstrip()
    if numbers := re.fullmatch(r"-\d+(?:,\d+)? \+\d+(?:,\d+)? @@ ?(.*)", anchor):
        mended.append("line numbers after @@")
        return str(numbers[1])
    return "" if anchor == "@@" else anchor
