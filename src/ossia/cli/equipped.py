"""A model with tools, asked from a thread: what ``ChatModel`` is without them.

Knows the event loop that the tools live in; it runs only while an event is waited for.
"""

import asyncio
from collections.abc import Generator, Mapping, Sequence

from ossia.agent import AgentEvent, Equipment, Policy, Worker
from ossia.chat import ChatModel, Settings
from ossia.harmony import Message
from ossia.tools import Page


class Equipped:
    """The tools of one conversation, and who uses them.

    Raises:
        InputError: a tool cannot be made of what the user named.
    """

    def __init__(self, model: ChatModel, equipment: Equipment, policy: Policy) -> None:
        self.model = model
        self._runner = asyncio.Runner()
        tools = [equipment.make(name) for name in sorted(equipment.names)]
        self._worker = Worker(model, tools, policy)

    @property
    def said(self) -> tuple[Message, ...]:
        """What the conversation grew by in the last answer: calls and results too."""
        return tuple(self._worker.said)

    @property
    def pages(self) -> Mapping[int, Page]:
        """What was shown under each cursor, for citations."""
        return self._worker.pages

    def respond(
        self, messages: Sequence[Message], settings: Settings | None = None
    ) -> Generator[AgentEvent, None, None]:
        """The events of an answer; closing it, or Ctrl-C, ends the call under way too."""
        events = self._worker.answer(messages, settings)

        async def following() -> AgentEvent | None:
            return await anext(events, None)

        try:
            while (event := self._runner.run(following())) is not None:
                yield event
        finally:
            self._runner.run(events.aclose())

    def close(self) -> None:
        """Ends the tools. May come twice."""

        async def closing() -> None:
            await asyncio.gather(*(tool.close() for tool in self._worker.tools))

        self._runner.run(closing())
        self._runner.close()
