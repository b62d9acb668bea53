"""Markdown as it comes, styled for a terminal.

Knows headings, lists, tables, code and what is strong; mathematics and everything else stay as the
model wrote them. It never takes back what was printed, so that it works over any connection: what
cannot be told yet (a mark without its end, a line of code, a table) is held until it can.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ossia.cli.terminal import columns

_BOLD, _BOLD_OFF = "\x1b[1m", "\x1b[22m"
_CODE, _CODE_OFF = "\x1b[36m", "\x1b[39m"
_DIM, _DIM_OFF = "\x1b[2m", "\x1b[22m"

_UNDECIDED = re.compile(r" {0,3}#{0,6} *|\s*([*+-] *|`{0,2}|(```|\|).*)")
_HEADING = re.compile(r" {0,3}#{1,6} +")
_BULLET = re.compile(r"^(\s*)[*+-] +(?=\S)")
_FENCE = re.compile(r"\s*```\s*([\w+#-]*)[^`]*")
_RULE_OF_TABLE = re.compile(r"\|?(\s*:?-+:?\s*\|)+(\s*:?-+:?\s*)?")
_CELL_END = re.compile(r"(?<!\\)\|")
_MAX_HELD = 400  # characters that wait for the end of a mark
_MAX_LEXED = 60  # lines of code that are looked at again for each line more


class Markdown:
    """Styles one answer, piece by piece."""

    def __init__(self, width: Callable[[], int | None]) -> None:
        self._width = width
        self._line = ""  # what of this line is not printed yet
        self._is_start = True
        self._is_heading = False
        self._last = " "  # the character before
        self._code: _Code | None = None
        self._table: list[str] = []

    def feed(self, text: str) -> str:
        """What of the text so far can be shown now."""
        *lines, rest = (self._line + text).split("\n")
        shown = ""
        for line in lines:
            self._line = line
            shown += self._end_line()
        self._line = rest
        return shown + self._partly()

    def finish(self) -> str:
        """What is still held, where the answer ends or is stopped."""
        if self._line or not self._is_start:
            shown = self._end_line().removesuffix("\n")
            if self._table:
                shown = self._end_table().removesuffix("\n")
            return shown
        return self._end_table()

    def _end_line(self) -> str:
        line, self._line = self._line, ""
        if self._code is not None:
            return self._end_code_line(line)
        if self._is_start and line.lstrip().startswith("|"):
            self._table.append(line)
            return ""
        before = self._end_table() if self._is_start else ""
        if self._is_start and (fence := _FENCE.fullmatch(line)):
            self._code = _Code(fence[1])
            return f"{before}{_DIM}{line}{_DIM_OFF}\n"
        shown = before + self._inline(self._opened(line), is_over=True)
        shown += (_BOLD_OFF if self._is_heading else "") + "\n"
        self._is_start, self._is_heading, self._last = True, False, " "
        return shown

    def _end_code_line(self, line: str) -> str:
        assert self._code is not None
        if line.strip() == "```":
            self._code = None
            return f"{_DIM}{line}{_DIM_OFF}\n"
        return self._code.line(line) + "\n"

    def _partly(self) -> str:
        """What of a line that is not over can be shown."""
        if self._code is not None:
            return ""
        before = ""
        if self._is_start:
            if not self._line or _UNDECIDED.fullmatch(self._line):
                return ""
            before = self._end_table()
        line, self._line = self._line, ""
        return before + self._inline(self._opened(line), is_over=False)

    def _opened(self, line: str) -> str:
        """A line without the mark that it begins with."""
        if not self._is_start:
            return line
        self._is_start = False
        if heading := _HEADING.match(line):
            self._is_heading = True
            return _BOLD + line[heading.end() :]
        return _BULLET.sub(r"\1• ", line, count=1)

    def _inline(self, text: str, *, is_over: bool) -> str:
        """A part of a line with its marks as styles; what waits for its end is held."""
        shown, at = "", 0
        while at < len(text):
            found = re.search(r"\*\*?|`+", text[at:])
            start = len(text) if found is None else at + found.start()
            shown += text[at:start]
            if found is None:
                break
            mark = found[0]
            before = text[start - 1] if start else self._last
            end = _end_of(text, start, mark, before, is_over=is_over)
            if end > 0:
                shown += self._styled(mark, text[start + len(mark) : end])
                at = end + len(mark)
            elif end == 0 or is_over or len(text) - start > _MAX_HELD:
                shown += mark
                at = start + len(mark)
            else:
                self._line, text = text[start:], text[:start]
                break
        self._last = text[-1:] or self._last
        return shown

    def _styled(self, mark: str, text: str) -> str:
        if mark != "**":
            return f"{_CODE}{text}{_CODE_OFF}"
        return text if self._is_heading else f"{_BOLD}{text}{_BOLD_OFF}"

    def _end_table(self) -> str:
        lines, self._table = self._table, []
        if not lines:
            return ""
        if len(lines) < 2 or not _RULE_OF_TABLE.fullmatch(lines[1].strip()):
            return "".join(f"{line}\n" for line in lines)
        head, *rows = [_cells(line) for line in (lines[0], *lines[2:])]
        return drawn(head, rows, self._width())


def _end_of(text: str, start: int, mark: str, before: str, *, is_over: bool) -> int:
    """Where a mark's text ends; 0 where it is no mark, -1 where that cannot be told yet."""
    if mark == "*":
        return -1 if start + 1 == len(text) else 0
    inside = start + len(mark)
    if mark == "**":
        if before.isalnum() or text[inside : inside + 1].isspace():
            return 0  # a power, or a product
        end = text.find("**", inside + 1)
        return end if end < 0 or not text[end - 1].isspace() else 0
    closing = re.search(rf"(?<!`){mark}(?!`)", text[inside:])
    if closing is None or (not is_over and inside + closing.end() == len(text)):
        return -1  # more of the same mark may follow
    return inside + closing.start()


@dataclass
class _Code:
    """A block of code, whose lines are coloured as they come."""

    language: str
    lines: list[str] = field(default_factory=list)

    def line(self, line: str) -> str:
        """The next line, coloured with what came before it in mind."""
        if len(self.lines) >= _MAX_LEXED:
            self.lines.clear()
        self.lines.append(line)
        return coloured("\n".join(self.lines), self.language).split("\n")[-1]


def coloured(code: str, language: str) -> str:
    """Code in colours, with as many lines; as it is where the language is none that is known."""
    from pygments import highlight
    from pygments.formatters import TerminalFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return code
    return str(highlight(code, lexer, TerminalFormatter()))


def drawn(head: list[str], rows: list[list[str]], width: int | None) -> str:
    """A table in columns, or where it is too wide, row under row with the names of columns."""
    rows = [[*row, *[""] * len(head)][: len(head)] for row in rows]
    table = [head, *rows]
    widths = [max(columns(row[i]) for row in table) for i in range(len(head))]
    if width is not None and sum(widths) + 3 * (len(widths) - 1) > width:
        records = [
            [f"{_BOLD}{n}{_BOLD_OFF}: {v}" for n, v in zip(head, r, strict=True)] for r in rows
        ]
        return "\n".join("".join(f"{line}\n" for line in record) for record in records)
    lines = [" │ ".join(_padded(c, w) for c, w in zip(r, widths, strict=True)) for r in table]
    rule = "─┼─".join("─" * w for w in widths)
    return "".join(
        f"{line.rstrip()}\n" for line in (f"{_BOLD}{lines[0]}{_BOLD_OFF}", rule, *lines[1:])
    )


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def _cells(line: str) -> list[str]:
    cells = _CELL_END.split(line.strip().removeprefix("|"))
    if line.rstrip().endswith("|") and not line.rstrip().endswith("\\|"):
        cells.pop()
    return [re.sub(r"\*\*|`", "", cell.strip().replace("\\|", "|")) for cell in cells]
