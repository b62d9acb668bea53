"""One conversation, from what all dialects have in common: who said what, and calls by their ids.

Knows how harmony orders messages; knows no wire format. The same conversation gives the same
messages, and so the same prompt, whatever dialect it came in.
"""

from dataclasses import dataclass, replace
from datetime import date

from ossia.base import settings as environment
from ossia.harmony import (
    Assistant,
    Channel,
    Developer,
    Effort,
    Message,
    ResponseFormat,
    System,
    Tool,
    ToolNames,
    ToolResult,
    User,
)


def today() -> str:
    """The date that models are told.

    Raises:
        InputError: OSSIA_DATE is no date.
    """
    return environment.current_date() or date.today().isoformat()


@dataclass(frozen=True)
class _Call:
    """A call of a function and, once it is known, its result."""

    message: Assistant
    result: ToolResult | None = None


class Conversation:
    """Takes a conversation as it was said, one thing after the other.

    - What stands before everybody else's words are the instructions, in one developer message
      with tools and format; instructions that come later stand where they came.
    - What the assistant said right before a call is a preamble, on the commentary channel.
    - A result stands behind its own call. Harmony's results carry no ids: with two calls of one
      function, the place is all that tells which is which.
    """

    def __init__(self, names: ToolNames) -> None:
        self._names = names
        self._instructions: list[str] = []
        self._said: list[Message | _Call] = []
        self._places: dict[str, int] = {}  # of calls, by their ids

    def instruct(self, text: str) -> None:
        """What the client's program tells the model: its system prompt."""
        if self._said:
            self._said.append(Developer(text))
        else:
            self._instructions.append(text)

    def ask(self, text: str) -> None:
        """What the user said."""
        self._said.append(User(text))

    def think(self, text: str) -> None:
        """Reasoning of an earlier answer; harmony drops what the model must not see again."""
        self._said.append(Assistant(text, Channel.ANALYSIS))

    def answer(self, text: str) -> None:
        """What the assistant said to the user."""
        self._said.append(Assistant(text))

    def call(self, call_id: str, name: str, arguments: str) -> None:
        """What the assistant called, by the name that the client knows."""
        if self._said:
            match self._said[-1]:
                case Assistant(channel=Channel.FINAL) as said:
                    self._said[-1] = replace(said, channel=Channel.COMMENTARY)
        recipient = self._names.recipient(name)
        self._places[call_id] = len(self._said)
        self._said.append(_Call(Assistant(arguments, Channel.COMMENTARY, recipient, "json")))

    def use(self, call: Assistant, result: ToolResult) -> None:
        """A call of a tool that the model was trained with, and what came of it."""
        self._said += [call, result]

    def has_call(self, call_id: str) -> bool:
        """Whether a call had this id."""
        return call_id in self._places

    def result(self, call_id: str, text: str) -> None:
        """What a function gave back, for the call of this id, which was made before.

        A second result of one call stands where it came.
        """
        place = self._places[call_id]
        made = self._said[place]
        assert isinstance(made, _Call)
        recipient = made.message.recipient or ""
        result = ToolResult(recipient, text)
        if made.result is None:
            self._said[place] = replace(made, result=result)
        else:
            self._said.append(result)

    def messages(
        self,
        effort: Effort,
        today: str | None,
        tools: tuple[Tool, ...] = (),
        response_format: ResponseFormat | None = None,
    ) -> tuple[Message, ...]:
        """All of it, with harmony's own beginning."""
        head: list[Message] = [System(effort, today)]
        instructions = "\n\n".join(self._instructions) if self._instructions else None
        if instructions is not None or tools or response_format:
            head.append(Developer(instructions, tools, response_format))
        for said in self._said:
            if isinstance(said, _Call):
                head += [said.message, *([said.result] if said.result else [])]
            else:
                head.append(said)
        return tuple(head)
