"""Conversations as the token ids that nano is trained on.

Knows which tokens are read and which are learned, and how examples share a batch; knows nothing of
the model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

import numpy as np
from numpy.typing import NDArray

from ossia.harmony import Channel, render, special
from ossia.tokenizer import Tokenizer
from ossia.tune.nano.conversations import SHARES, Conversation, Shares, draw_conversations

_POOL = 1024  # conversations that are sorted by length together
NOT_LEARNED = -100
"""Label of a token that is only read (PyTorch's default for cross-entropy)."""


@dataclass(frozen=True)
class Example:
    """One conversation: what nano reads, and then what it is to say, up to ``<|return|>``."""

    prompt_ids: list[int]
    answer_ids: list[int]

    def __len__(self) -> int:
        return len(self.prompt_ids) + len(self.answer_ids)


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """Examples side by side, padded at their ends.

    Attributes:
        token_ids: int64 [examples, tokens].
        labels: int64 [examples, tokens], the token to come after each, or NOT_LEARNED.
    """

    token_ids: NDArray[np.int64]
    labels: NDArray[np.int64]


def to_example(conversation: Conversation, tokenizer: Tokenizer) -> Example:
    """The ids of a conversation, as harmony has them."""
    turn = conversation.last
    answer = [
        *_message(Channel.ANALYSIS, turn.reasoning, tokenizer),
        tokenizer.special(special.END),
        tokenizer.special(special.START),
        *tokenizer.encode("assistant"),
        *_message(Channel.FINAL, turn.answer, tokenizer),
        tokenizer.special(special.RETURN),
    ]
    return Example(render(conversation.history, tokenizer), answer)


def _message(channel: Channel, text: str, tokenizer: Tokenizer) -> list[int]:
    return [
        tokenizer.special(special.CHANNEL),
        *tokenizer.encode(channel),
        tokenizer.special(special.MESSAGE),
        *tokenizer.encode(text),
    ]


def draw_batches(
    tokenizer: Tokenizer, seed: str, num_tokens: int, shares: Shares = SHARES
) -> Iterator[TrainingBatch]:
    """Batches without end, of examples of like length and at most ``num_tokens`` with padding."""
    random = Random(f"{seed} batches")
    conversations = draw_conversations(seed, shares)
    while True:
        pool = [to_example(each, tokenizer) for each in islice(conversations, _POOL)]
        batches = list(_cut(sorted(pool, key=len), num_tokens))
        random.shuffle(batches)
        yield from map(make_batch, batches)


def _cut(examples: list[Example], num_tokens: int) -> Iterator[list[Example]]:
    """Runs of examples, shortest first, whose number times longest fits ``num_tokens``."""
    run: list[Example] = []
    for example in examples:
        if run and len(example) * (len(run) + 1) > num_tokens:
            yield run
            run = []
        run.append(example)
    yield run


def make_batch(examples: list[Example]) -> TrainingBatch:
    """Examples as arrays; padding is token 0 and never learned."""
    width = max(map(len, examples)) - 1  # the last token is only a label
    token_ids = np.zeros((len(examples), width), np.int64)
    labels = np.full((len(examples), width), NOT_LEARNED, np.int64)
    for row, example in enumerate(examples):
        ids = [*example.prompt_ids, *example.answer_ids]
        token_ids[row, : len(ids) - 1] = ids[:-1]
        labels[row, len(example.prompt_ids) - 1 : len(ids) - 1] = example.answer_ids
    return TrainingBatch(token_ids, labels)
