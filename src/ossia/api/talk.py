"""A conversation that remembers what was said, and calls functions for the model.

Knows messages and rounds; the answers are the model's.
"""

from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing, closing
from typing import Protocol, Unpack

from ossia.api.options import Asked, Options, understand
from ossia.api.reply import Call, Collector, Reply
from ossia.base.errors import OssiaError
from ossia.chat import Event
from ossia.harmony import Assistant, Channel, Message, ToolResult, User

MAX_ROUNDS = 16
"""How often in one answer functions are called before it is given up."""


class Answers(Protocol):
    """Whoever answers."""

    def events(self, asked: Asked) -> Generator[Event, None, None]:
        """The events of an answer."""

    def aevents(self, asked: Asked) -> AsyncGenerator[Event, None]:
        """The same for event loops."""


class Talk:
    """What was said so far, and how answers are made.

    Reasoning is shown to the model again while it works with tools, and no longer once it has
    answered, as it was trained.

    Attributes:
        messages: what was said, without the system and developer messages.
    """

    def __init__(self, model: Answers, options: Options) -> None:
        self.messages: list[Message] = []
        self._model, self._options = model, options

    def ask(self, question: str, **options: Unpack[Options]) -> Reply:
        """The answer to what the user says next; functions are called until there is one.

        >>> talk = model.talk(seed=1)
        >>> talk.ask("What is 27 + 58?").text
        '27 + 58 = 85'

        Raises:
            OssiaError: the answer cannot be made; the conversation is then as it was before.
        """
        return self._saying(User(question), options)

    def answer_tool(self, call: Call, result: str, **options: Unpack[Options]) -> Reply:
        """The answer once a call, that was no function of this talk, has its result."""
        return self._saying(ToolResult(call.recipient, result), options)

    def stream(self, question: str, **options: Unpack[Options]) -> Generator[Event, None, None]:
        """``ask``, event by event, with those of every round; stopped, it leaves nothing behind."""
        rounds = _Rounds(self, User(question), self._merged(options))
        while (asked := rounds.next()) is not None:
            collector = Collector()
            with closing(self._model.events(asked)) as events:
                for event in events:
                    collector.take(event)
                    yield event
            rounds.take(collector.reply(asked.parse))

    async def aask(self, question: str, **options: Unpack[Options]) -> Reply:
        """``ask`` for event loops. Functions are called in the loop's thread."""
        rounds = _Rounds(self, User(question), self._merged(options))
        while (asked := rounds.next()) is not None:
            collector = Collector()
            async with aclosing(self._model.aevents(asked)) as events:
                async for event in events:
                    collector.take(event)
            rounds.take(collector.reply(asked.parse))
        return rounds.last

    def _saying(self, message: Message, options: Options) -> Reply:
        rounds = _Rounds(self, message, self._merged(options))
        while (asked := rounds.next()) is not None:
            collector = Collector()
            with closing(self._model.events(asked)) as events:
                for event in events:
                    collector.take(event)
            rounds.take(collector.reply(asked.parse))
        return rounds.last

    def _merged(self, options: Options) -> Options:
        return {**self._options, **options}


class _Rounds:
    """Answer, call, result, answer: until nothing is called that can be."""

    def __init__(self, talk: Talk, message: Message, options: Options) -> None:
        self._talk, self._options = talk, options
        self._said: list[Message] = [*talk.messages, message]
        self._num_rounds = 0
        self._is_over = False
        self._replies: list[Reply] = []
        self._functions: dict[str, Callable[[str], str]] = {}

    @property
    def last(self) -> Reply:
        """The reply that ended it."""
        return self._replies[-1]

    def next(self) -> Asked | None:
        """What is to be asked now, if anything."""
        if self._is_over:
            self._talk.messages = self._said
            return None
        if self._num_rounds == MAX_ROUNDS:
            raise OssiaError(
                f"the model called functions {MAX_ROUNDS} times without an answer; ask for less "
                "at once"
            )
        self._num_rounds += 1
        asked = understand(self._said, self._options)
        self._functions = {name: found.call for name, found in asked.functions.items()}
        return asked

    def take(self, reply: Reply) -> None:
        """What came of it: results of calls are said to the model."""
        self._replies.append(reply)
        self._said += _messages(reply)
        calls = [call for call in reply.calls if call.recipient in self._functions]
        for call in calls:
            result = self._functions[call.recipient](call.text)
            self._said.append(ToolResult(call.recipient, result))
        # One choice was demanded, and was met; what comes next is for the model to say.
        self._options.pop("tool_choice", None)
        self._is_over = not calls


def _messages(reply: Reply) -> Sequence[Message]:
    """What the model said, as it is shown to it again."""
    return [
        Assistant(said.text, said.channel, said.recipient, said.content_type)
        for said in reply.messages
        if said.text or said.recipient or said.channel is Channel.FINAL
    ]
