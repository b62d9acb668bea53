"""What is asked of the engine and what it gives back, token by token."""

import math
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from ossia.base.errors import InputError, OssiaError
from ossia.engine.constraint import Constraint
from ossia.engine.prefix_cache import Node
from ossia.engine.sampler import History, Sampling
from ossia.engine.speculation import Drafter
from ossia.numerics.arrays import Float32
from ossia.ops.arrays import PAGE_SIZE

MAX_LOGPROBS = 100
"""Most alternatives that are reported beside a token."""


class Finish(StrEnum):
    """Why a sequence ended."""

    STOP = "stop"  # the model sampled a stop token
    LENGTH = "length"  # max_tokens or the context was reached
    DEADLINE = "deadline"  # its time was over
    CLOSED = "closed"  # the engine was shut down meanwhile
    FAILED = "failed"  # it alone could not go on; the end holds the error


@dataclass(frozen=True)
class Request:
    """A prompt to continue.

    Attributes:
        prompt_ids: at least one token id.
        sampling: how tokens are chosen.
        stop_ids: tokens that end the answer; the one that did is part of the output.
        max_tokens: most tokens to make, at least 1; None is up to the engine's context.
        constraint: says which tokens may come; it has a state, so it serves one request once.
        boundary_ids: tokens that begin a message: where one stands, another prompt is likely to go
            on differently, so what is kept for others ends there.
        client: whose request it is; clients that wait get equal shares.
        priority: higher ones go first.
        timeout: seconds from being queued after which the answer ends where it is.
        num_logprobs: likeliest tokens reported beside each token, 0 for its own only; None is off.
        score_prompt: report the log probability of every prompt token too, which computes the
            whole prompt anew.
        name: what whoever looks into the engine knows it by.

    Raises:
        InputError: a value is out of its range.
    """

    prompt_ids: tuple[int, ...]
    sampling: Sampling = field(default_factory=Sampling)
    stop_ids: frozenset[int] = frozenset()
    max_tokens: int | None = None
    constraint: Constraint | None = None
    boundary_ids: frozenset[int] = frozenset()
    client: str = ""
    priority: int = 0
    timeout: float | None = None
    num_logprobs: int | None = None
    score_prompt: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        if self.max_tokens is not None and self.max_tokens < 1:
            raise InputError(f"max_tokens must be at least 1; it is {self.max_tokens}")
        if self.timeout is not None and not self.timeout > 0:
            raise InputError(f"timeout must be above 0 seconds; it is {self.timeout}")
        if self.num_logprobs is not None and not 0 <= self.num_logprobs <= MAX_LOGPROBS:
            raise InputError(
                f"num_logprobs must be between 0 and {MAX_LOGPROBS}; it is {self.num_logprobs}"
            )


@dataclass(frozen=True)
class Prefill:
    """How far a long prompt is: ``num_done`` of its ``num_tokens`` are computed."""

    num_done: int
    num_tokens: int


@dataclass(frozen=True)
class Logprobs:
    """Natural logarithms of what the model itself expected, before any rule of sampling.

    Attributes:
        logprob: of the token; -inf for one that the model gave no chance.
        top: the likeliest tokens with theirs, likeliest first.
    """

    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Token:
    """One token that the engine made for a request, or one of its prompt that was scored."""

    token_id: int
    logprobs: Logprobs | None = None


@dataclass(frozen=True)
class End:
    """The last that comes of a request.

    Attributes:
        num_cached: tokens of the prompt that were not computed again.
        error: why it failed.
    """

    finish: Finish
    num_cached: int = 0
    error: OssiaError | None = None


Output = Prefill | Token | End
"""What a request is given, in this order: how far its prompt is, its tokens, its end."""


@dataclass(eq=False)
class Sequence:
    """A request under way: its tokens so far, and the pages that hold their keys and values.

    Attributes:
        token_ids: prompt and output.
        capacity: tokens that the sequence may grow to.
        arrival: its place among all that were asked, which decides who is before whom.
        deadline: when it ends at the latest, by the engine's clock.
        boundaries: places, in tokens before them, where messages of the prompt begin, and its end.
        snapshot_pages: logical pages whose window is kept for prompts that begin likewise.
        num_stored: tokens whose keys and values are in the pages.
        nodes: of the prefix cache, one for each whole page.
        full_pages: page of each logical page in the full layers.
        sliding_pages: the same in the sliding layers; NO_PAGE where it slid out of the window.
        history: what penalties count, where there are any.
        forced: tokens that must come next, because the constraint leaves one way.
        num_forced: tokens that came so.
        drafter: guesses them from the tokens before.
        drafts: tokens that may come next, run in this step to find out.
        logits: [1 + drafts, vocabulary] after the last token and after each draft, while the next
            token is not chosen yet.
        num_cached: tokens of the prompt that were known when it began.
        is_at_boundary: a message has begun since its window was last kept.
        num_restored: pages that were read from disk for it, or tried.
        num_reported: tokens of the prompt whose computing, or score, was told, once.
        is_paused: it makes no tokens for now.
        finish: why it ended, once it has.
        error: what ended it, where that is an error.
    """

    request: Request
    token_ids: list[int]
    capacity: int
    arrival: int = 0
    deadline: float = math.inf
    boundaries: tuple[int, ...] = ()
    snapshot_pages: frozenset[int] = frozenset()
    num_stored: int = 0
    nodes: list[Node] = field(default_factory=list)
    full_pages: list[int] = field(default_factory=list)
    sliding_pages: list[int] = field(default_factory=list)
    history: History | None = field(init=False)
    forced: deque[int] = field(default_factory=deque)
    num_forced: int = 0
    drafter: Drafter = field(init=False)
    drafts: tuple[int, ...] = ()
    logits: Float32 | None = None
    num_cached: int | None = None
    is_at_boundary: bool = False
    num_restored: int = 0
    num_reported: int = 0
    is_paused: bool = False
    finish: Finish | None = None
    error: OssiaError | None = None

    def __post_init__(self) -> None:
        self.drafter = Drafter(self.token_ids)
        has_penalties = self.request.sampling.has_penalties
        self.history = History(self.request.prompt_ids) if has_penalties else None

    @property
    def num_prompt(self) -> int:
        """Tokens that were given."""
        return len(self.request.prompt_ids)

    @property
    def num_pending(self) -> int:
        """Tokens known but not yet run through the model: the prompt's rest, or one."""
        return len(self.token_ids) - self.num_stored

    @property
    def num_output(self) -> int:
        """Tokens made so far."""
        return len(self.token_ids) - self.num_prompt

    @property
    def is_decoding(self) -> bool:
        """Whether it makes tokens, each of which somebody waits for."""
        return self.num_output > 0 and self.num_pending <= PAGE_SIZE
