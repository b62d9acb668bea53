"""Harmony's control tokens by name. Their ids are the vocabulary's business."""

from ossia.tokenizer import Tokenizer

START = "<|start|>"
END = "<|end|>"
MESSAGE = "<|message|>"
CHANNEL = "<|channel|>"
CONSTRAIN = "<|constrain|>"
RETURN = "<|return|>"
CALL = "<|call|>"
END_OF_TEXT = "<|endoftext|>"

STOPS = (RETURN, CALL, END_OF_TEXT)
"""After one of these the model has nothing more to say; ``END`` only closes one message."""


def stop_token_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """The ids at which an answer is over.

    Raises:
        TokenizerError: the vocabulary lacks a control token.
    """
    return frozenset(tokenizer.special(name) for name in STOPS)


def check_vocabulary(tokenizer: Tokenizer) -> None:
    """A conversation can be rendered, and an answer to it can end, in this vocabulary.

    Raises:
        TokenizerError: the vocabulary lacks a control token.
    """
    for name in (START, END, MESSAGE, CHANNEL, *STOPS):
        tokenizer.special(name)
