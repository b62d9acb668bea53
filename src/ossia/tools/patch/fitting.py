"""Where hunks fit into a text, and the text that comes of it. Knows lines; not files or paths.

Lines are compared as they are, then without trailing blanks, then with plain punctuation. What
only fits loosely must fit in one place alone; kept lines stay as the text has them.
"""

import difflib
from collections.abc import Callable, Sequence

from ossia.base.errors import InputError
from ossia.tools.patch.syntax import Hunk

_PLAIN = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
    | dict.fromkeys("\u2018\u2019\u201a\u201b", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f", '"')
    | dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f\u3000", " ")
)
_LEVELS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("", lambda line: line),
    ("trailing blanks in context", lambda line: line.rstrip()),
    ("punctuation in context", lambda line: line.translate(_PLAIN).rstrip()),
)


def fit(text: str, hunks: Sequence[Hunk]) -> tuple[str, tuple[str, ...]]:
    """Applies hunks, from the top down, to a text.

    Line endings, a byte order mark and a missing final newline stay as they were; an added line
    ends as the line before it does.

    Returns:
        the new text, and what was mended, a phrase each.

    Raises:
        InputError: a hunk fits nowhere, or loosely in several places; says where it was looked
            for and what comes nearest.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    lines, endings = _split(text.removeprefix(mark))
    new: list[tuple[str, str]] = []
    mended: list[str] = []
    done = 0  # lines of the text that are in ``new`` already
    for number, hunk in enumerate(hunks, 1):
        start, note = _place(lines, hunk, done, number)
        if note:
            mended.append(note)
        new += zip(lines[done:start], endings[done:start], strict=True)
        done = start
        for sign, line in hunk.lines:
            if sign == "+":
                near = new[-1][1] if new else ""
                new.append((line, near or (endings[0] if endings else "") or "\n"))
            else:
                if sign == " ":
                    new.append((lines[done], endings[done]))
                done += 1
    new += zip(lines[done:], endings[done:], strict=True)
    has_final = not endings or endings[-1] != ""
    default = next((ending for ending in endings if ending), "\n")
    whole = "".join(line + (ending or default) for line, ending in new[:-1])
    if new:
        line, ending = new[-1]
        whole += line + ((ending or default) if has_final else "")
    return mark + whole, tuple(dict.fromkeys(mended))


def _split(text: str) -> tuple[list[str], list[str]]:
    """Lines and their endings: CRLF, LF, or none after the last one."""
    lines, endings = [], []
    for whole in text.split("\n"):
        is_crlf = whole.endswith("\r")
        lines.append(whole.removesuffix("\r"))
        endings.append("\r\n" if is_crlf else "\n")
    if lines[-1] == "" and endings[-1] == "\n":
        return lines[:-1], endings[:-1]
    if endings[-1] == "\r\n":  # a lone CR at the very end belongs to the line
        lines[-1] += "\r"
    endings[-1] = ""
    return lines, endings


def _place(lines: list[str], hunk: Hunk, done: int, number: int) -> tuple[int, str]:
    """The line that a hunk starts at, not above ``done``, and what was mended to find it."""
    note = ""
    for anchor in hunk.anchors:
        found, loose = _find(lines, (anchor,), done, len(lines))
        if found is None:
            found, loose = _find([line.strip() for line in lines], (anchor.strip(),), done, None)
        if found is None:
            raise InputError(_nowhere(lines, (anchor,), done, f"the @@ line of hunk {number}"))
        done, note = found + 1, note or loose
    old = hunk.old
    if not old:  # only adds: below its anchors, else at the end
        return (done if hunk.anchors and not hunk.is_at_end else len(lines)), note
    first = len(lines) - len(old) if hunk.is_at_end else done
    if first >= done:
        found, loose = _find(lines, old, first, None)
        if found is not None:
            return found, note or loose
    raise InputError(_nowhere(lines, old, done, f"hunk {number}"))


def _find(
    lines: Sequence[str], wanted: tuple[str, ...], start: int, end: int | None
) -> tuple[int | None, str]:
    """The first place from a line on where lines stand as they are, or the only loose one."""
    size = len(wanted)
    for note, plain in _LEVELS:
        have, want = [plain(line) for line in lines[start:end]], [plain(line) for line in wanted]
        places = [i for i in range(len(have) - size + 1) if have[i : i + size] == want]
        if places and note and len(places) > 1:
            at = ", ".join(str(start + place + 1) for place in places[:5])
            raise InputError(
                f"a hunk fits only but for {note}, and in several places (lines {at}); "
                "expected the lines as they are, or a @@ line that tells which"
            )
        if places:
            return start + places[0], note
    return None, ""


def _nowhere(lines: list[str], wanted: tuple[str, ...], done: int, what: str) -> str:
    """Where it was looked, and the nearest lines."""
    message = f"{what} fits nowhere in lines {done + 1} to {len(lines)}: {wanted[0]!r} was sought"
    key = max(wanted, key=len)
    near = difflib.get_close_matches(key, lines[:5000], n=1, cutoff=0.5)
    if not near:
        return f"{message}, and no line is like {key!r}; read the file again"
    at = lines.index(near[0])
    return f"{message}; nearest to {key!r} is line {at + 1}: {near[0]!r}"
