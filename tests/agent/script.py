"""A model whose tokens are written down: what it says is harmony, read by the real parser."""

import re
from collections.abc import AsyncGenerator, Sequence

from ossia.base.errors import OssiaError
from ossia.chat import Demands, Event, Failed, Settings, Terms
from ossia.chat.respond import Answer
from ossia.engine import End, Finish, Request, Token
from ossia.harmony import Message, render
from ossia.tokenizer import Tokenizer

_CONTROL = re.compile(r"(<\|\w+\|>)")


class Script:
    """Says one line after the other, and keeps what it was asked."""

    def __init__(self, tokenizer: Tokenizer, *lines: str | OssiaError) -> None:
        self.tokenizer, self._lines = tokenizer, list(lines)
        self.asked: list[tuple[tuple[Message, ...], Settings, Demands, Terms]] = []

    async def arespond(
        self,
        messages: Sequence[Message],
        settings: Settings | None = None,
        demands: Demands | None = None,
        terms: Terms | None = None,
    ) -> AsyncGenerator[Event, None]:
        terms = terms or Terms()
        self.asked.append((tuple(messages), settings or Settings(), demands or Demands(), terms))
        line = self._lines.pop(0)
        if isinstance(line, OssiaError):
            yield Failed(line)
            return
        prompt = tuple(render(messages, self.tokenizer))
        answer = Answer(self.tokenizer, Request(prompt, max_tokens=1000))
        for token_id in self._ids(line):
            for event in answer.take(Token(token_id)):
                yield event
        is_cut = not line.endswith(("<|call|>", "<|return|>"))
        for event in answer.take(End(Finish.LENGTH if is_cut else Finish.STOP)):
            yield event
        for event in answer.finish(0):
            yield event

    def _ids(self, line: str) -> list[int]:
        return [
            token_id
            for part in _CONTROL.split(line)
            for token_id in (
                [self.tokenizer.special(part)]
                if part in self.tokenizer.specials
                else self.tokenizer.encode(part)
            )
        ]
