"""Keeping what is said in ``ossia run`` as a chat, while it grows, and going on with one.

Knows chats and transcripts; does not know who types. What cannot be kept is said once, and the talk
goes on without.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ossia.agent import Transcript
from ossia.agent.chats import Chats, Node, items_of, messages_of, open_chats
from ossia.base.errors import InputError, OssiaError
from ossia.cli.failures import complain
from ossia.harmony import Effort, Message, User

OWNER = ""
"""The user of this machine, who needs no key."""


@dataclass
class Keeper:
    """Where a talk is kept.

    Attributes:
        model: what the user calls it.
        chats: None keeps nothing.
        chat_id: None until something was said.
        leaf: what the next question goes on from; None is the start.
    """

    model: str
    chats: Chats | None = None
    chat_id: str | None = None
    leaf: str | None = None
    _answer: str | None = field(default=None, repr=False)

    def asked(self, question: str, transcript: Transcript) -> None:
        """Keeps a question before it is answered."""
        meta = {"effort": str(transcript.effort), "instructions": transcript.instructions}
        self._answer = None
        self._add("user", [User(question)], meta)

    def growing(self, said: Sequence[Message]) -> None:
        """Keeps an answer as far as it goes: calls and their results, which cost the most."""
        self._answered(said, "in_progress")

    def answered(self, said: Sequence[Message], *, is_whole: bool = True) -> None:
        """Keeps an answer; one that was stopped, as far as it was seen."""
        if said:
            self._answered(said, "completed" if is_whole else "incomplete")

    def begin_anew(self) -> None:
        """The next question begins another chat."""
        self.chat_id = self.leaf = self._answer = None

    def step_back(self, *, to_question: bool) -> None:
        """Goes back to the last question, or to before it; what comes next is a branch."""
        self._answer = None
        if self.chats is None or self.chat_id is None or self.leaf is None:
            return
        try:
            path = self.chats.chat(OWNER, self.chat_id).path(self.leaf)
        except OssiaError as error:
            self._give_up(error)
            return
        while path and path[-1].role == "assistant":
            path.pop()
        if path and not to_question:
            path.pop()
        self.leaf = path[-1].id if path else None

    def _answered(self, said: Sequence[Message], status: str) -> None:
        meta = {"status": status, "model": self.model}
        if self._answer is None:
            self._answer = self._add("assistant", said, meta)
        elif self.chats is not None and self.chat_id is not None:
            try:
                self.chats.update(OWNER, self.chat_id, self._answer, items_of(said), meta)
            except OssiaError as error:
                self._give_up(error)

    def _add(self, role: Any, said: Sequence[Message], meta: dict[str, Any]) -> str | None:
        if self.chats is None:
            return None
        try:
            if self.chat_id is None:
                self.chat_id = self.chats.create(OWNER, self.model).id
            node = self.chats.add(OWNER, self.chat_id, self.leaf, role, items_of(said), meta)
        except OssiaError as error:
            self._give_up(error)
            return None
        self.leaf = node.id
        return node.id

    def _give_up(self, error: OssiaError) -> None:
        self.chats = None
        complain(f"this talk is not kept: {error}")


def keeper_for(model: str) -> Keeper:
    """Keeps a new talk; where the chats cannot be opened, that is said and nothing is kept."""
    try:
        return Keeper(model, open_chats())
    except OssiaError as error:
        complain(f"this talk is not kept: {error}")
        return Keeper(model)


def resumed(model: str, start: str | None, usual: Transcript) -> tuple[Keeper, Transcript]:
    """A chat that goes on, and its conversation.

    Args:
        start: of its id; None is the one that changed last.
        usual: how answers are made where the chat says nothing.

    Raises:
        InputError: there is no such chat.
        OssiaError: the chats cannot be opened.
    """
    chats = open_chats()
    if start is None:
        latest = chats.heads(OWNER, limit=1).heads
        if not latest:
            raise InputError("there is no chat to continue; one begins with: ossia run MODEL")
        chat_id = latest[0].id
    else:
        chat_id = chats.full_id(OWNER, start)
    chat = chats.chat(OWNER, chat_id)
    keeper = Keeper(model, chats, chat_id, chat.head.leaf)
    return keeper, transcript_of(chat.path(), usual)


def transcript_of(path: Sequence[Node], usual: Transcript) -> Transcript:
    """The conversation that nodes are; a question without an answer is left."""
    if path and path[-1].role == "user":
        path = path[:-1]
    said = [message for node in path for message in messages_of(node.items)]
    transcript = replace(usual, messages=tuple(said))
    for node in path:
        if node.role == "user":
            transcript = _as_told(transcript, node)
    return transcript


def _as_told(transcript: Transcript, node: Node) -> Transcript:
    """Effort and instructions as they were at a question."""
    instructions, effort = node.meta.get("instructions"), node.meta.get("effort")
    if isinstance(instructions, str):
        transcript = replace(transcript, instructions=instructions)
    if effort in tuple(Effort):
        transcript = replace(transcript, effort=Effort(effort))
    return transcript
