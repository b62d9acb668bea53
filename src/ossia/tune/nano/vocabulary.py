"""nano's vocabulary: a small byte-pair one, made from the conversations that it learns.

Text is split as gpt-oss splits it, so that every program that knows gpt-oss reads it; but a digit
is always a token of its own, because nano works digit by digit. Every byte has a token: anything
can be said to nano. Knows texts and tokens; knows nothing of tensors.
"""

from collections.abc import Iterator
from itertools import islice

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers

from ossia.harmony import Channel, Developer, Role, System, special
from ossia.harmony.built_in import BROWSER
from ossia.harmony.render import system_text
from ossia.tokenizer.o200k import pre_tokenizer
from ossia.tune.nano.conversations import Conversation, draw_conversations

NUM_TOKENS = 1024
"""Rows of the embedding: bytes, merges and control tokens."""

SPECIALS = (
    "<|startoftext|>",
    special.END_OF_TEXT,
    special.RETURN,
    special.CONSTRAIN,
    special.CHANNEL,
    special.START,
    special.END,
    special.MESSAGE,
    special.CALL,
)
"""Control tokens, in the order of their ids, which are the last."""

_NUM_CONVERSATIONS = 12_000


def make_vocabulary(seed: str = "vocabulary") -> Tokenizer:
    """The tokenizer, trained on conversations drawn from a seed; the same on any machine."""
    splits = [pre_tokenizer(), pre_tokenizers.Digits(individual_digits=True)]
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(splits)
    trainer = trainers.BpeTrainer(
        vocab_size=NUM_TOKENS - len(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(seed), trainer)
    # No merge has a digit in it, so gpt-oss's own split gives the same tokens.
    tokenizer.pre_tokenizer = pre_tokenizer()
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in SPECIALS])
    return tokenizer


def _texts(seed: str) -> Iterator[str]:
    for _ in range(_NUM_CONVERSATIONS):  # as often as the headers that they stand in
        yield from (*Role, *Channel)
    for conversation in islice(draw_conversations(seed), _NUM_CONVERSATIONS):
        yield from _parts(conversation)


def _parts(conversation: Conversation) -> Iterator[str]:
    for message in conversation.history:
        match message:
            case System():
                yield system_text(message, frozenset({BROWSER.name}))  # names every channel
            case Developer():
                yield f"# Instructions\n\n{message.instructions}"
            case _:
                yield message.text
    yield conversation.last.reasoning
    yield conversation.last.answer
