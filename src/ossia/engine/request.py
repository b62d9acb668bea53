"""What is asked of the engine and what it gives back, token by token."""

from dataclasses import dataclass, field
from enum import StrEnum

from ossia.base.errors import InputError, OssiaError
from ossia.engine.constraint import Constraint
from ossia.engine.sampler import Sampling
from ossia.numerics.arrays import Float32


class Finish(StrEnum):
    """Why a sequence ended."""

    STOP = "stop"  # the model sampled a stop token
    LENGTH = "length"  # max_tokens or the context was reached
    FAILED = "failed"  # its constraint allows no token; the sequence holds the error


@dataclass(frozen=True)
class Request:
    """A prompt to continue.

    Attributes:
        prompt_ids: at least one token id.
        sampling: how tokens are chosen.
        stop_ids: tokens that end the answer; the one that did is part of the output.
        max_tokens: most tokens to make, at least 1; None is up to the engine's context.
        constraint: says which tokens may come; it has a state, so it serves one request once.

    Raises:
        InputError: max_tokens is below 1.
    """

    prompt_ids: tuple[int, ...]
    sampling: Sampling = field(default_factory=Sampling)
    stop_ids: frozenset[int] = frozenset()
    max_tokens: int | None = None
    constraint: Constraint | None = None

    def __post_init__(self) -> None:
        if self.max_tokens is not None and self.max_tokens < 1:
            raise InputError(f"max_tokens must be at least 1; it is {self.max_tokens}")


@dataclass(frozen=True)
class Prefill:
    """How far a long prompt is: ``num_done`` of its ``num_tokens`` are computed."""

    num_done: int
    num_tokens: int


@dataclass(frozen=True)
class Token:
    """One token that the engine made for a request; ``finish`` is set on the last."""

    token_id: int
    finish: Finish | None = None


@dataclass(eq=False)
class Sequence:
    """A request under way: its tokens so far, and the pages that hold their keys and values.

    Attributes:
        token_ids: prompt and output.
        num_stored: tokens whose keys and values are in the pages.
        full_pages: page of each logical page in the full layers.
        sliding_pages: the same in the sliding layers; NO_PAGE where it slid out of the window.
        capacity: tokens that the sequence may grow to.
        logits: [vocabulary] after the last token, while the next is not chosen yet.
        finish: why it ended, once it has.
        error: what ended it, where that is an error.
    """

    request: Request
    token_ids: list[int]
    capacity: int
    num_stored: int = 0
    full_pages: list[int] = field(default_factory=list)
    sliding_pages: list[int] = field(default_factory=list)
    logits: Float32 | None = None
    finish: Finish | None = None
    error: OssiaError | None = None

    @property
    def is_ready(self) -> bool:
        """Whether its next token can be chosen without waiting."""
        constraint = self.request.constraint
        return self.logits is not None and (constraint is None or constraint.is_ready)

    @property
    def num_pending(self) -> int:
        """Tokens known but not yet run through the model: the prompt's rest, or one."""
        return len(self.token_ids) - self.num_stored

    @property
    def num_output(self) -> int:
        """Tokens made so far."""
        return len(self.token_ids) - len(self.request.prompt_ids)
