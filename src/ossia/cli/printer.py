"""Events of an answer as text for a person, or as JSON for a program.

Knows what each event looks like; does not know where events come from. The answer goes to standard
output and nothing else does: reasoning is shown on the terminal, wherever the answer goes.
"""

import json
import sys
import time
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import Protocol

from ossia.agent import AgentEvent, Permission, Returned, Started
from ossia.chat import Citation, Prefill, Reasoning, Text, ToolCall
from ossia.cli.display import Display
from ossia.cli.happenings import Happenings
from ossia.cli.markdown import Markdown
from ossia.cli.terminal import Screen, Status, WordWrap, ending, notices, output, printable


class Printer(Protocol):
    """Shows the events of one answer."""

    def show(self, event: AgentEvent) -> None:
        """Show one event."""

    def close(self) -> None:
        """No more events come, be the answer complete or stopped."""


class JsonPrinter:
    """A line of JSON an event, always UTF-8."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")
        self._screen = output()

    def show(self, event: AgentEvent) -> None:
        """Write the event's line."""
        self._screen.write(json.dumps(event.to_json(), ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Nothing is held back."""


class TextPrinter:
    """Reasoning dim, the answer's Markdown styled, with an empty line between the two.

    Where a terminal cannot dim, headings tell them apart. Done and Failed are not shown: whoever
    asked says what there is to say about them.
    """

    def __init__(self, display: Display) -> None:
        self._aside = output() if output().is_terminal else notices()
        self._is_aside_shown = self._aside.is_terminal and display.is_reasoning_shown
        self._is_folded = display.is_reasoning_folded and notices().can_move
        self._has_aside = False
        self._thought = ""
        self._since: float | None = None
        self._section: _Section | None = None
        self._status = Status(notices())
        self._status.show("reading the prompt")
        self._happenings = Happenings(self._aside)

    def show(self, event: AgentEvent) -> None:
        """Show one event."""
        match event:
            case Prefill(num_done, num_tokens):
                self._status.show(f"reading the prompt: {num_done:,} of {num_tokens:,} tokens")
            case Text(text) | Citation(text):
                self._fold()
                heading = "Answer:" if self._has_aside else ""
                self._write(_Section(output(), "answer", heading, is_markdown=True), text)
            case Reasoning(text) if self._is_folded and self._is_aside_shown:
                self._think(text)
            case Reasoning(text):
                self._write_aside(_Section(self._aside, "reasoning", "Reasoning:", dim=True), text)
            case ToolCall(recipient, text):
                name = f"call of {printable(recipient)}"
                self._write_aside(_Section(self._aside, name, f"A {name}:", dim=True), text)
            case Started() | Returned() | Permission():
                self._fold()
                self._happen(event)

    def close(self) -> None:
        """End the last line."""
        self._fold()
        self._status.clear()
        if self._section is not None:
            self._section.close()
            self._section = None

    def _think(self, text: str) -> None:
        """The end of what is thought, in one line."""
        self._since = time.monotonic() if self._since is None else self._since
        self._thought += text
        width = (notices().width or 80) - 2
        self._status.show(printable(ending(" ".join(self._thought.split()), width)))

    def _fold(self) -> None:
        """One line instead of what was thought."""
        if self._since is None:
            return
        seconds, num_words = time.monotonic() - self._since, len(self._thought.split())
        self._status.clear()
        self._aside.say(f"(thought for {seconds:.1f} s, {num_words:,} words)", dim=True)
        self._since, self._thought = None, ""

    def _happen(self, event: Started | Returned | Permission) -> None:
        self.close()
        self._has_aside = self._has_aside or self._is_aside_shown
        match event:
            case Started():
                self._happenings.start(event)
                self._status.show(f"{printable(event.action.tool)} is at work")
            case Returned():
                self._happenings.finish(event)
                self._status.show("reading the result")
            case Permission():
                self._happenings.ask(event)

    def _write_aside(self, section: "_Section", text: str) -> None:
        if self._is_aside_shown:
            self._has_aside = True
            self._write(section, text)
        elif self._section is None:
            self._status.show(section.name)

    def _write(self, section: "_Section", text: str) -> None:
        if self._section is None or self._section.name != section.name:
            was_any = self._section is not None
            self.close()
            if was_any:
                (self._aside if self._has_aside else output()).write("\n")
            section.open()
            self._section = section
        self._section.write(text)


@dataclass
class _Section:
    """Text of one kind."""

    screen: Screen
    name: str
    heading: str
    dim: bool = False
    is_markdown: bool = False
    wrap: WordWrap = field(init=False)
    markdown: Markdown | None = field(init=False, default=None)
    is_line_open: bool = False

    def __post_init__(self) -> None:
        self.wrap = WordWrap(lambda: self.screen.width)
        if self.is_markdown and self.screen.can_dim:
            self.markdown = Markdown(lambda: self.screen.width)

    def open(self) -> None:
        if self.heading and self.screen.is_terminal and not self.screen.can_dim:
            self.screen.write(f"{self.heading}\n")

    def write(self, text: str) -> None:
        if text:
            self.is_line_open = not text.endswith("\n")
            shown = printable(text) if self.screen.is_terminal else text
            if self.markdown is not None:
                shown = self.markdown.feed(shown)
            self.screen.write(self.wrap.feed(shown), dim=self.dim)

    def close(self) -> None:
        if self.markdown is not None:
            self.screen.write(self.wrap.feed(self.markdown.finish()))
        self.screen.write(self.wrap.finish(), dim=self.dim)
        if self.is_line_open:
            self.screen.write("\n")
