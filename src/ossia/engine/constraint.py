"""What may come next: a mask over the vocabulary that somebody above computes.

The engine asks for masks and says which token was chosen; it knows neither format nor grammar.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ossia.base.errors import OssiaError

Mask = NDArray[np.bool_]
"""Which token ids are allowed; [vocabulary] or shorter, where ids beyond its end are not."""


class Constraint(Protocol):
    """The state of one sequence's rules. One sequence owns it, and asks and tells it in turn."""

    @property
    def is_ready(self) -> bool:
        """Whether ``mask`` and ``forced`` answer at once. Until then others are served."""

    def mask(self) -> Mask:
        """The tokens that may come next; waits until they are known."""

    def forced(self) -> Sequence[int]:
        """The tokens that must come next, in order, because the rules leave one way; may wait.

        None where there is a choice. It depends on the accepted tokens alone, so that an answer is
        the same whoever asks when. Each is still to be accepted.
        """

    def accept(self, token_id: int) -> None:
        """The token that comes next. Returns at once: what takes time runs on a thread."""


def allowed_ids(constraint: Constraint, vocabulary: int) -> NDArray[np.intp]:
    """The ids that may come next, below ``vocabulary``, at least one.

    Raises:
        OssiaError: there is none, or the constraint failed; it concerns this sequence alone.
    """
    with _failures_in_words():
        ids = np.flatnonzero(constraint.mask()[:vocabulary])
    if ids.size == 0:
        raise OssiaError(
            "no token may come next: the rules that the answer follows contradict each other; "
            "check the schema"
        )
    return ids


def forced_ids(constraint: Constraint, vocabulary: int) -> list[int]:
    """The ids that must come next, in order, each below ``vocabulary``.

    Raises:
        OssiaError: the model has no such token, or the constraint failed; it concerns this
            sequence alone.
    """
    with _failures_in_words():
        ids = [int(token_id) for token_id in constraint.forced()]
    if ids and not 0 <= min(ids) <= max(ids) < vocabulary:
        raise OssiaError(
            f"the rules force a token id outside the model's {vocabulary}; "
            "the tokenizer belongs to another model"
        )
    return ids


def tell(constraint: Constraint, token_id: int) -> None:
    """Tells a constraint which token comes next.

    Raises:
        OssiaError: the constraint failed; it concerns this sequence alone.
    """
    with _failures_in_words():
        constraint.accept(token_id)


@contextmanager
def _failures_in_words() -> Iterator[None]:
    """Whatever a constraint raises ends its own request, in words, and no other."""
    try:
        yield
    except OssiaError:
        raise
    except Exception as error:
        raise OssiaError(f"what may come next cannot be told: {error!s:.120}") from error
