"""The next token of one sequence: forced by its constraint, or sampled from its logits.

Whatever goes wrong here ends this one sequence, in words, and no other.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ossia.base.errors import OssiaError, ResourceError
from ossia.engine.constraint import allowed_ids, forced_ids, tell
from ossia.engine.logprobs import logprobs_of
from ossia.engine.request import Finish, Sequence, Token
from ossia.engine.sampler import sample
from ossia.numerics.arrays import Float32


def is_ready(sequence: Sequence) -> bool:
    """Whether its next token can be chosen without waiting."""
    constraint = sequence.request.constraint
    return constraint is None or bool(sequence.forced) or constraint.is_ready


def next_token(sequence: Sequence, logits: Float32) -> Token:
    """Goes on by one token, chosen from logits [vocabulary]; waits for its mask.

    Raises:
        OssiaError: the constraint allows none, or the logits are no numbers.
    """
    request, position = sequence.request, len(sequence.token_ids)
    _ask_forced(sequence, logits.size)
    if sequence.forced:
        token_id = _append_forced(sequence)
    else:
        allowed = None
        if request.constraint is not None:
            allowed = allowed_ids(request.constraint, logits.size)
        token_id = sample(logits, request.sampling, position, sequence.history, allowed)
        append(sequence, token_id)
    if request.num_logprobs is None:
        return Token(token_id)
    return Token(token_id, logprobs_of(logits, token_id, request.num_logprobs))


def take_forced(sequence: Sequence, vocabulary: int) -> Iterator[Token]:
    """Goes on by all tokens that leave no choice, as far as is known without waiting.

    None where log probabilities are asked for: each token then needs logits of its own.

    Raises:
        OssiaError: the constraint failed.
    """
    while sequence.finish is None and sequence.request.num_logprobs is None:
        if is_ready(sequence):
            _ask_forced(sequence, vocabulary)
        if not sequence.forced:
            break
        yield Token(_append_forced(sequence))


def append(sequence: Sequence, token_id: int) -> None:
    """Makes a token the sequence's last, which may end it, also by its constraint's failure."""
    sequence.token_ids.append(token_id)
    if sequence.history is not None:
        sequence.history.add(token_id)
    request = sequence.request
    sequence.is_at_boundary |= token_id in request.boundary_ids
    if token_id in request.stop_ids:
        sequence.finish = Finish.STOP
    elif len(sequence.token_ids) >= sequence.capacity:
        sequence.finish = Finish.LENGTH
    elif request.constraint is not None:
        with failing_alone(sequence):
            tell(request.constraint, token_id)


def scores(sequence: Sequence, logits: Float32) -> list[Token]:
    """Prompt tokens with their log probabilities, from logits [tokens, vocabulary].

    The logits are those of the tokens from ``num_stored`` on, each of which scores the next. The
    first token of a prompt has no score.
    """
    first = sequence.num_stored
    following = sequence.token_ids[first + 1 : min(first + 1 + len(logits), sequence.num_prompt)]
    num_top = sequence.request.num_logprobs or 0
    num_told = max(0, sequence.num_reported - first - 1)  # before it was preempted
    found = [
        Token(token_id, logprobs_of(row, token_id, num_top))
        for token_id, row in zip(following[num_told:], logits[num_told:], strict=False)
    ]
    return found if sequence.num_reported else [Token(sequence.token_ids[0]), *found]


@contextmanager
def failing_alone(sequence: Sequence) -> Iterator[None]:
    """Whatever is raised within ends the sequence, and is part of its end."""
    try:
        yield
    except OssiaError as error:  # without its traceback, whose frames hold the step's arrays
        sequence.error, sequence.finish = error.with_traceback(None), Finish.FAILED
    except MemoryError:
        message = "the answer needs more memory than is free; load with a smaller context"
        sequence.error, sequence.finish = ResourceError(message), Finish.FAILED
    except Exception as error:
        logging.getLogger("ossia.engine").exception("a request failed")
        message = f"the request failed inside ossia ({type(error).__name__}: {error!s:.120})"
        sequence.error, sequence.finish = OssiaError(message), Finish.FAILED


def _append_forced(sequence: Sequence) -> int:
    token_id = sequence.forced.popleft()
    sequence.num_forced += 1
    append(sequence, token_id)
    return token_id


def _ask_forced(sequence: Sequence, vocabulary: int) -> None:
    constraint = sequence.request.constraint
    if constraint is not None and not sequence.forced:
        sequence.forced.extend(forced_ids(constraint, vocabulary))
