"""What every dialect's routes are given: the models, and what else the server has."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from ossia.agent import PLAIN, Transcript, opening, persona_named
from ossia.chat import ChatModel
from ossia.server.models import Loaded


class Models(Protocol):
    """The models of this server."""

    def lease(
        self, name: str, keep_alive: float | None = None
    ) -> AbstractAsyncContextManager[ChatModel]:
        """A model that stays loaded as long as it is needed, and then so many seconds."""

    def names(self) -> list[str]:
        """All that can be asked for."""

    def meaning(self, name: str) -> str | None:
        """What a name stands for that the server was started with; None of others."""

    def loaded(self) -> list[Loaded]:
        """Those in memory."""

    async def unload(self, name: str) -> bool:
        """Lets a model go that nobody uses; False where somebody does, or it is not loaded."""


@dataclass(frozen=True)
class ServerContext:
    """What the server has."""

    models: Models

    def persona(self, name: str) -> Transcript:
        """What a model's name says of the manner of its answers.

        Raises:
            InputError: it is a name that the user gave, and its file is damaged.
        """
        return opening(persona_named(self.models.meaning(name) or name) or PLAIN)
