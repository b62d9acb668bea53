"""A conversation that remembers what was said, and calls functions for the model.

Knows messages and rounds; the answers are the model's.
"""

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, closing
from typing import Protocol, Unpack

from ossia.api.conversation import as_message
from ossia.api.functions import FunctionTool
from ossia.api.options import Asked, Options, understand
from ossia.api.reply import Call, Collector, Reply
from ossia.base.errors import InputError, OssiaError
from ossia.chat import Event
from ossia.harmony import Assistant, Channel, Message, User

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

    async def aask(self, question: str, **options: Unpack[Options]) -> Reply:
        """``ask`` for event loops. Coroutines are awaited; plain functions have their threads."""
        return await self._asaying(User(question), options)

    def stream(self, question: str, **options: Unpack[Options]) -> Generator[Event, None, None]:
        """``ask``, event by event, with those of every round; stopped, it leaves nothing behind."""
        return self._events(_Rounds(self, User(question), self._merged(options)))

    def astream(self, question: str, **options: Unpack[Options]) -> AsyncGenerator[Event, None]:
        """``stream`` for event loops."""
        return self._aevents(_Rounds(self, User(question), self._merged(options)))

    def answer_tool(self, call: Call, result: str, **options: Unpack[Options]) -> Reply:
        """The answer once a call, that was no function of this talk, has its result."""
        return self._saying(call.result(result), options)

    async def aanswer_tool(self, call: Call, result: str, **options: Unpack[Options]) -> Reply:
        """``answer_tool`` for event loops."""
        return await self._asaying(call.result(result), options)

    def _saying(self, message: Message, options: Options) -> Reply:
        rounds = _Rounds(self, message, self._merged(options))
        for _ in self._events(rounds):
            pass
        return rounds.last

    async def _asaying(self, message: Message, options: Options) -> Reply:
        rounds = _Rounds(self, message, self._merged(options))
        async for _ in self._aevents(rounds):
            pass
        return rounds.last

    def _events(self, rounds: "_Rounds") -> Generator[Event, None, None]:
        while (asked := rounds.next()) is not None:
            _refuse_coroutines(asked)
            collector = Collector()
            with closing(self._model.events(asked)) as events:
                for event in events:
                    collector.take(event)
                    yield event
            for call, function in rounds.take(collector.reply(asked.parse)):
                rounds.tell(call, function.call(call.text))

    async def _aevents(self, rounds: "_Rounds") -> AsyncGenerator[Event, None]:
        while (asked := rounds.next()) is not None:
            collector = Collector()
            async with aclosing(self._model.aevents(asked)) as events:
                async for event in events:
                    collector.take(event)
                    yield event
            for call, function in rounds.take(collector.reply(asked.parse)):
                rounds.tell(call, await function.acall(call.text))

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
        self._functions: Mapping[str, FunctionTool] = {}

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
        self._functions = asked.functions
        return asked

    def take(self, reply: Reply) -> list[tuple[Call, FunctionTool]]:
        """What came of it; gives the functions that are to be called now."""
        self._replies.append(reply)
        self._said += _messages(reply)
        # One choice was demanded, and was met; what comes next is for the model to say.
        self._options.pop("tool_choice", None)
        found = [(call, self._functions.get(call.recipient)) for call in reply.calls]
        calls = [(call, function) for call, function in found if function is not None]
        self._is_over = not calls
        return calls

    def tell(self, call: Call, result: str) -> None:
        """What a function said, for the model."""
        self._said.append(call.result(result))


def _refuse_coroutines(asked: Asked) -> None:
    for function in asked.functions.values():
        if function.is_coroutine:
            raise InputError(
                f"{function.tool.name} is a coroutine function, which only an event loop can call; "
                "ask with `await talk.aask(...)`"
            )


def _messages(reply: Reply) -> list[Assistant]:
    """What the model said, without messages that say nothing, and calls that were cut off."""
    return [
        as_message(said)
        for said in reply.messages
        if (reply.calls if said.recipient else said.text or said.channel is Channel.FINAL)
    ]
