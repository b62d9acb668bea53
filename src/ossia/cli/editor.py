"""The line where a person types: editing, history, several lines, and a plain one for plain
terminals.

Knows keys; does not know what the text means. ``\"\"\"`` opens text of several lines and closes it;
Alt-Enter begins a new line at any time, and pasted lines stay together.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ossia.base import settings
from ossia.cli.terminal import fitting, output

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.history import History
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.styles import BaseStyle

PROMPT, CONTINUATION = ">>> ", "... "
QUOTES = '"""'


def line_reader(words: Sequence[str], state: Callable[[], str]) -> Callable[[], str]:
    """A function that asks for the next text.

    It raises EOFError when the user leaves (Ctrl-D) and KeyboardInterrupt on Ctrl-C.

    Args:
        words: what Tab completes at the start of a line.
        state: a line that stands below what is typed, where the terminal can move.
    """
    return _read_plainly if settings.is_dumb_terminal() else _editing_reader(words, state)


def is_open(text: str) -> bool:
    """Whether quotes were opened and wait for their end."""
    body = text.strip()
    return body.startswith(QUOTES) and (len(body) < 6 or not body.endswith(QUOTES))


def unquoted(text: str) -> str:
    """The text between the quotes, or all of it where there are none."""
    body = text.strip()
    return body[3:-3].strip("\n") if body.startswith(QUOTES) and not is_open(text) else text


def _read_plainly() -> str:
    try:
        text = input(PROMPT)
        while is_open(text):
            text += "\n" + input(CONTINUATION)
    except KeyboardInterrupt:
        output().write("\n")  # after the ^C that the terminal shows
        raise
    return unquoted(text)


def _editing_reader(words: Sequence[str], state: Callable[[], str]) -> Callable[[], str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.shortcuts import CompleteStyle

    session: PromptSession[str] = PromptSession(
        history=_history(),
        key_bindings=_keys(),
        multiline=True,
        prompt_continuation=lambda _width, _line, num_wraps: "    " if num_wraps else CONTINUATION,
        completer=WordCompleter(list(words), sentence=True),
        complete_while_typing=False,
        complete_style=CompleteStyle.READLINE_LIKE,
        reserve_space_for_menu=0,
    )

    def read() -> str:
        below: StyleAndTextTuples = [
            ("class:bottom-toolbar.text", fitting(state(), (output().width or 80) - 1))
        ]
        return unquoted(session.prompt(PROMPT, bottom_toolbar=below, style=_style()))

    return read


def _style() -> "BaseStyle":
    from prompt_toolkit.styles import Style

    return Style.from_dict({"bottom-toolbar": "noreverse", "bottom-toolbar.text": "dim"})


def _keys() -> "KeyBindings":
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_open(buffer.text):
            buffer.newline(copy_margin=False)
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    return keys


def _history() -> "History":
    """The history file, which only its owner may read; in memory where there can be none."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    class Kept(FileHistory):
        def store_string(self, string: str) -> None:
            with suppress(OSError):  # a full disk must not end a talk
                super().store_string(string)

    path = settings.home() / "history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError:
        return InMemoryHistory()
    return Kept(path)
