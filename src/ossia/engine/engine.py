"""The engine's loop: schedule, run, sample, finish.

Knows sequences of token ids and the pages that hold them. A request is admitted when the pages for
its longest possible answer are free, so it never has to be evicted; others wait in order.
"""

from collections import deque
from collections.abc import Generator
from contextlib import closing

import numpy as np

from ossia.base.errors import InputError, OssiaError
from ossia.engine.constraint import allowed_ids, tell
from ossia.engine.memory import PREFILL_CHUNK, MemoryPlan, plan_memory
from ossia.engine.pages import PagePool, check_integrity, grow, release, slide
from ossia.engine.request import End, Finish, Output, Prefill, Request, Sequence, Token
from ossia.engine.sampler import sample
from ossia.model import Config, Params, forward
from ossia.model.yarn import rope_table
from ossia.numerics.arrays import Int32
from ossia.ops.arrays import NO_PAGE, PAGE_SIZE, Batch, PageTable
from ossia.ops.spec import Ops

Scheduled = list[tuple[Sequence, int]]
"""Sequences of this step, each with how many of its pending tokens are run."""


class Engine:
    """Continues token sequences with one model on one backend.

    Args:
        context: tokens, prompt and answer together, that the KV cache has room for.

    Raises:
        ResourceError: the KV cache does not fit in memory.
    """

    def __init__(self, params: Params, config: Config, ops: Ops, context: int) -> None:
        self.config = config
        self.context = context
        self.plan: MemoryPlan = plan_memory(config, context, ops.kv_item_bytes())
        self._params = params
        self._ops = ops
        self._rope = rope_table(config.rope, config.head_dim)
        self._full_pool = PagePool(self.plan.full_pages)
        self._sliding_pool = PagePool(self.plan.sliding_pages)
        self._kv = [
            ops.allocate_pages(
                self.plan.full_pages if window is None else self.plan.sliding_pages,
                config.kv_heads,
                config.head_dim,
            )
            for window in config.windows
        ]
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []

    def add(self, request: Request) -> Sequence:
        """Queues a request.

        Raises:
            InputError: the prompt is empty, holds an unknown id, or leaves no room for an answer.
        """
        num_prompt = len(request.prompt_ids)
        if num_prompt == 0:
            raise InputError("the prompt is empty; the engine needs at least one token")
        if num_prompt >= self.context:
            raise InputError(
                f"the conversation is {num_prompt} tokens long and the context holds "
                f"{self.context}, which leaves no room for an answer; shorten it, or load the "
                "model with a larger context (--context)"
            )
        if not 0 <= min(request.prompt_ids) <= max(request.prompt_ids) < self.config.vocabulary:
            raise InputError(
                f"the prompt holds a token id outside the model's {self.config.vocabulary}; "
                "the tokenizer belongs to another model"
            )
        most = self.context - num_prompt if request.max_tokens is None else request.max_tokens
        capacity = min(self.context, num_prompt + most)
        sequence = Sequence(request, list(request.prompt_ids), capacity)
        self._waiting.append(sequence)
        return sequence

    def cancel(self, sequence: Sequence) -> None:
        """Forgets a sequence, at whatever point it is, and frees its pages."""
        if sequence in self._waiting:
            self._waiting.remove(sequence)
        if sequence in self._running:
            self._running.remove(sequence)
        release(sequence.full_pages, self._full_pool)
        release(sequence.sliding_pages, self._sliding_pool)

    def step(self) -> list[tuple[Sequence, Output]]:
        """One pass through the model for everybody; what it made, and who ended.

        A sequence whose mask is still being computed keeps its logits for a later step.
        """
        scheduled = self._schedule()
        if scheduled:
            self._run(scheduled)
        made = self._sample(may_wait=not scheduled)
        return made + self._finish()

    def generate(self, request: Request) -> Generator[Token, None, None]:
        """The tokens that continue one request. Closing the generator cancels it.

        Raises:
            InputError: see ``add``.
            OssiaError: the request failed, after the tokens that it was given.
        """
        with closing(self.stream(request)) as stream:
            for output in stream:
                if isinstance(output, Token):
                    yield output
                elif isinstance(output, End) and output.error is not None:
                    raise output.error

    def stream(self, request: Request) -> Generator[Output, None, None]:
        """The same with all that a request is given; ``End`` comes last.

        Raises:
            InputError: see ``add``.
        """
        sequence = self.add(request)
        num_prompt = num_given = len(request.prompt_ids)
        try:
            while sequence.finish is None or num_given < len(sequence.token_ids):
                if num_given < len(sequence.token_ids):
                    yield Token(sequence.token_ids[num_given])
                    num_given += 1
                    continue
                num_stored = sequence.num_stored
                self.step()  # may have made nothing for us, or a neighbour's step something
                if num_stored < sequence.num_stored < num_prompt:
                    yield Prefill(sequence.num_stored, num_prompt)
            yield End(sequence.finish, error=sequence.error)
        finally:
            self.cancel(sequence)

    def check_integrity(self) -> None:
        """Every page is free or owned once; for tests.

        Raises:
            AssertionError: it is not so.
        """
        check_integrity(self._full_pool, [s.full_pages for s in self._running])
        check_integrity(self._sliding_pool, [s.sliding_pages for s in self._running])

    def _schedule(self) -> Scheduled:
        """Everyone who decodes, one token each, then prompts, first come first served."""
        while self._waiting and self._has_room(self._waiting[0]):
            self._running.append(self._waiting.popleft())
        scheduled: Scheduled = []
        budget = PREFILL_CHUNK
        for sequence in sorted(self._running, key=lambda sequence: sequence.num_pending > 1):
            num_tokens = min(sequence.num_pending, budget)
            if num_tokens:
                scheduled.append((sequence, num_tokens))
                budget -= num_tokens
        for sequence, num_tokens in scheduled:
            stored = sequence.num_stored + num_tokens
            grow(sequence.full_pages, self._full_pool, stored)
            if self.config.window:
                grow(sequence.sliding_pages, self._sliding_pool, stored)
        return scheduled

    def _has_room(self, newcomer: Sequence) -> bool:
        """Whether everyone running and the newcomer can grow to full length at once."""
        everyone = [*self._running, newcomer]
        item_bytes = self._ops.kv_item_bytes()
        plans = [plan_memory(self.config, each.capacity, item_bytes) for each in everyone]
        return (
            sum(plan.full_pages for plan in plans) <= self.plan.full_pages
            and sum(plan.sliding_pages for plan in plans) <= self.plan.sliding_pages
        )

    def _run(self, scheduled: Scheduled) -> None:
        """Leaves logits [vocabulary] with each sequence whose tokens have all been run."""
        batch = make_batch(scheduled)
        logits = forward(self._params, self.config, self._rope, batch, self._kv, self._ops)
        for (sequence, num_tokens), row in zip(scheduled, logits, strict=True):
            sequence.num_stored += num_tokens
            if self.config.window:
                slide(sequence, self._sliding_pool, self.config.window)
            if sequence.num_pending == 0:
                sequence.logits = row

    def _sample(self, *, may_wait: bool) -> list[tuple[Sequence, Output]]:
        """The next token of every sequence that is ready; waits for one mask if it may."""
        asked = [sequence for sequence in self._running if sequence.logits is not None]
        ready = [sequence for sequence in asked if sequence.is_ready]
        if may_wait and not ready:
            ready = asked[:1]
        for sequence in asked:
            if sequence not in ready and sequence.logits is not None:
                sequence.logits = sequence.logits.copy()  # the next pass may reuse their memory
        tokens: list[tuple[Sequence, Output]] = []
        for sequence in ready:
            try:
                token_id = _choose(sequence)
            except OssiaError as error:
                if sequence.request.constraint is None:
                    raise
                sequence.error, sequence.finish = error, Finish.FAILED
                continue
            tokens.append((sequence, Token(token_id)))
        return tokens

    def _finish(self) -> list[tuple[Sequence, Output]]:
        """Lets the finished go."""
        ended: list[tuple[Sequence, Output]] = []
        for sequence in list(self._running):
            if sequence.finish is None:
                continue
            self.cancel(sequence)
            ended.append((sequence, End(sequence.finish, error=sequence.error)))
        return ended


def _choose(sequence: Sequence) -> int:
    """The sequence's next token, which its constraint allows; the sequence goes on with it.

    Raises:
        OssiaError: the constraint allows none, or the logits are no numbers.
    """
    logits, request = sequence.logits, sequence.request
    assert logits is not None
    position = len(sequence.token_ids)
    if request.constraint is None:
        token_id = sample(logits, request.sampling, position)
    else:
        ids = allowed_ids(request.constraint, logits.size)
        token_id = int(ids[sample(logits[ids], request.sampling, position)])
    sequence.token_ids.append(token_id)
    sequence.logits = None
    sequence.finish = _finish_of(sequence, token_id)
    if request.constraint is not None and sequence.finish is None:
        tell(request.constraint, token_id)
    return token_id


def make_batch(scheduled: Scheduled) -> Batch:
    """The arrays that describe one step, for the pages that the sequences hold."""
    lengths = [num_tokens for _, num_tokens in scheduled]
    starts = np.cumsum([0, *lengths], dtype=np.int32)
    token_ids = [
        token_id
        for sequence, num_tokens in scheduled
        for token_id in sequence.token_ids[sequence.num_stored : sequence.num_stored + num_tokens]
    ]
    positions = np.concatenate(
        [
            np.arange(sequence.num_stored, sequence.num_stored + num_tokens, dtype=np.int32)
            for sequence, num_tokens in scheduled
        ]
    )
    owners = np.repeat(np.arange(len(scheduled)), lengths)  # [tokens], row of the page tables
    return Batch(
        token_ids=np.asarray(token_ids, np.int32),
        positions=positions,
        sequence_starts=starts,
        full=_page_table([s.full_pages for s, _ in scheduled], owners, positions),
        sliding=_page_table([s.sliding_pages for s, _ in scheduled], owners, positions),
        output_rows=starts[1:] - 1,
    )


def _page_table(page_lists: list[list[int]], owners: np.ndarray, positions: Int32) -> PageTable:
    pages = np.full((len(page_lists), max(map(len, page_lists))), NO_PAGE, np.int32)
    for row, page_list in enumerate(page_lists):
        pages[row, : len(page_list)] = page_list
    logical, offset = np.divmod(positions, PAGE_SIZE)
    if pages.shape[1] == 0:  # no layer of this kind
        return PageTable(pages, np.zeros_like(positions))
    return PageTable(pages, (pages[owners, logical] * PAGE_SIZE + offset).astype(np.int32))


def _finish_of(sequence: Sequence, token_id: int) -> Finish | None:
    if token_id in sequence.request.stop_ids:
        return Finish.STOP
    return Finish.LENGTH if len(sequence.token_ids) >= sequence.capacity else None
