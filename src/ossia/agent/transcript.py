"""A conversation that goes on: what is kept of it, and what the model is shown.

Knows messages; does not know files (``saved``), who types or who answers.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date

from ossia.base import settings as environment
from ossia.base.errors import InputError
from ossia.chat import Settings
from ossia.harmony import (
    Assistant,
    Developer,
    Effort,
    Message,
    System,
    ToolResult,
    User,
)


@dataclass(frozen=True)
class Transcript:
    """A conversation at one point; each change makes the next.

    Attributes:
        messages: what the user, the model and its tools said, in order.
        effort: how long the model is to reason from now on.
        instructions: the developer message: what other formats call the system prompt.
        settings: how answers are made.
    """

    messages: tuple[User | Assistant | ToolResult, ...] = ()
    effort: Effort = Effort.MEDIUM
    instructions: str | None = None
    settings: Settings = field(default_factory=Settings)

    def asking(self, question: str) -> tuple[Message, ...]:
        """What the model is shown in order to answer a question.

        Raises:
            InputError: OSSIA_DATE is no date.
        """
        today = environment.current_date() or date.today().isoformat()
        head: list[Message] = [System(self.effort, today)]
        if self.instructions is not None:
            head.append(Developer(self.instructions))
        return (*head, *self.messages, User(question))

    def answered(self, question: str, said: Iterable[Message]) -> "Transcript":
        """The conversation after an answer, whatever calls of tools were made for it."""
        answer = (each for each in said if isinstance(each, Assistant | ToolResult))
        return replace(self, messages=(*self.messages, User(question), *answer))

    def stopped(self, question: str, seen: str) -> "Transcript":
        """The conversation after an answer that the user stopped.

        What the user has seen of it stays. Where nothing was said yet the question goes too:
        a question without an answer would be asked again together with the next.
        """
        if not seen:
            return self
        return replace(self, messages=(*self.messages, User(question), Assistant(seen)))

    def back(self) -> tuple["Transcript", str]:
        """The conversation before its last question, and that question.

        Raises:
            InputError: nothing was asked yet.
        """
        places = [n for n, message in enumerate(self.messages) if isinstance(message, User)]
        if not places:
            raise InputError("nothing was asked yet")
        asked = self.messages[places[-1]]
        assert isinstance(asked, User)
        return replace(self, messages=self.messages[: places[-1]]), asked.text

    def cleared(self) -> "Transcript":
        """The conversation from its start, with the same effort, instructions and settings."""
        return replace(self, messages=())
