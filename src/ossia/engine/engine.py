"""The engine's loop: schedule, run, sample, finish.

Knows sequences of token ids, and whom the parts beside it serve: ``scheduler`` says who runs,
``kv_cache`` where keys and values lie, ``choice`` what comes next. A sequence's tokens depend on
its request alone: neither on who else is here, nor on pieces, drafts, or what was known already.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from itertools import accumulate, zip_longest

from ossia.base.errors import ContextError, InputError
from ossia.engine.batching import make_batch, wanted_rows
from ossia.engine.choice import failing_alone, is_ready, next_token, scores, take_forced
from ossia.engine.disk_cache import DiskCache
from ossia.engine.kv_cache import KVCache, snapshot_pages
from ossia.engine.memory import MemoryPlan, plan_memory
from ossia.engine.metrics import CANCELLED, Metrics
from ossia.engine.pace import Pace
from ossia.engine.request import End, Finish, Output, Prefill, Request, Sequence, Token
from ossia.engine.scheduler import Scheduled, Scheduler
from ossia.engine.speculation import Speculation
from ossia.model import Config, Params, forward
from ossia.model.yarn import rope_table
from ossia.numerics.arrays import Float32
from ossia.ops.arrays import Batch
from ossia.ops.spec import Ops

MAX_RUNNING = 64
"""Sequences that hold pages at the same time, when nothing is said."""

MAX_WAITING = 1024
"""Sequences that may wait for that."""

Made = list[tuple[Sequence, Output]]
"""What a step gave to whom."""


class Engine:
    """Continues token sequences with one model on one backend.

    Args:
        context: tokens that one conversation may fill, prompt and answer together.
        kv_bytes: memory for keys and values of all conversations; None is what one needs.
        disk: where pages survive a restart; the engine's own from now on.
        clock: seconds, from which deadlines and the pace are counted; ``service`` waits by it too.

    Raises:
        ResourceError: the KV cache does not fit in memory.
    """

    def __init__(
        self,
        params: Params,
        config: Config,
        ops: Ops,
        context: int,
        *,
        kv_bytes: int | None = None,
        disk: DiskCache | None = None,
        max_running: int = MAX_RUNNING,
        max_waiting: int = MAX_WAITING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self.context = context
        self.plan: MemoryPlan = plan_memory(config, context, ops.kv_item_bytes(), kv_bytes)
        self.cache = KVCache(config, self.plan, ops, disk)
        self._params, self._ops, self._clock = params, ops, clock
        self._rope = rope_table(config.rope, config.head_dim)
        self._pace, self._speculation = Pace(), Speculation()
        self._scheduler = Scheduler(self.cache, self._pace, max_running, max_waiting)
        self._metrics = Metrics()

    @property
    def under_way(self) -> tuple[Sequence, ...]:
        """Sequences that have not ended: those that run, and behind them those that wait."""
        return (*self._scheduler.running, *self._scheduler.waiting)

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""
        is_wanted = any(not sequence.is_paused or sequence.finish for sequence in self.under_way)
        is_wanted = is_wanted or self._clock() > self.next_deadline
        return is_wanted or bool(self.cache.stored and self.cache.stored.has_unsaved)

    @property
    def next_deadline(self) -> float:
        """When the next request is over its time, by the engine's clock; infinity is never."""
        return min((sequence.deadline for sequence in self.under_way), default=math.inf)

    @property
    def num_running(self) -> int:
        """Sequences that hold pages."""
        return len(self._scheduler.running)

    @property
    def num_waiting(self) -> int:
        """Sequences that wait for their turn."""
        return len(self._scheduler.waiting)

    @property
    def metrics(self) -> Metrics:
        """What was done so far."""
        self._metrics.num_preempted = self._scheduler.num_preempted
        self._metrics.num_evicted = self.cache.num_evicted
        if self.cache.stored:
            self._metrics.num_restored = self.cache.stored.num_restored
        return self._metrics

    def add(self, request: Request) -> Sequence:
        """Queues a request.

        Raises:
            InputError: the prompt is empty, holds an unknown id, or leaves no room for an answer.
            BusyError: too many wait already.
        """
        self._check(request)
        num_prompt = len(request.prompt_ids)
        most = self.context - num_prompt if request.max_tokens is None else request.max_tokens
        boundaries = (*_begins(request), num_prompt - 1, num_prompt)
        sequence = Sequence(
            request,
            list(request.prompt_ids),
            capacity=min(self.context, num_prompt + most),
            arrival=self._metrics.num_requests,
            deadline=self._clock() + (request.timeout or math.inf),
            boundaries=boundaries,
            snapshot_pages=snapshot_pages(boundaries, self.config.window),
        )
        self._scheduler.add(sequence)
        self._metrics.num_requests += 1
        return sequence

    def cancel(self, sequence: Sequence, end: str = CANCELLED) -> None:
        """Forgets a sequence, at whatever point it is, and frees its pages.

        Args:
            end: what it counts as, in ``Metrics.ends``.
        """
        if sequence in self._scheduler.running or sequence in self._scheduler.waiting:
            self._remove(sequence, end)

    def pause(self, sequence: Sequence) -> None:
        """Lets a sequence make no tokens until ``resume``: its reader is slow."""
        sequence.is_paused = True

    def resume(self, sequence: Sequence) -> None:
        """Ends a pause."""
        sequence.is_paused = False

    def step(self) -> Made:
        """One pass through the model for everybody; what it made, and who ended.

        A sequence whose mask is still being computed keeps its logits for a later step.
        """
        made = self._jump()
        scheduled = self._schedule()
        made += self._run(scheduled) if scheduled else []
        made += self._sample(may_wait=not scheduled)
        made += self._finish()
        if self.cache.stored:
            self.cache.stored.save(may_wait=not scheduled)
        return made

    def close(self) -> None:
        """Lets everything go; what was computed is kept where it survives."""
        for sequence in self.under_way:
            self.cancel(sequence)
        if self.cache.stored:
            self.cache.stored.close()

    def check_integrity(self) -> None:
        """For tests: every page and every request is accounted for.

        Raises:
            AssertionError: it is not so.
        """
        running, waiting = self._scheduler.running, self._scheduler.waiting
        assert not any(sequence.full_pages or sequence.sliding_pages for sequence in waiting)
        assert {s.request.client for s in (*running, *waiting)} <= set(self._scheduler.served)
        self.cache.check_integrity(running)
        num_under_way = len(running) + len(waiting)
        assert self._metrics.num_requests == sum(self._metrics.ends.values()) + num_under_way

    def _jump(self) -> Made:
        """Tokens that leave no choice join those before them, to be run in the same pass."""
        made: Made = []
        for sequence in self._scheduler.running:
            if sequence.logits is None and sequence.num_output and not sequence.is_paused:
                with failing_alone(sequence):
                    for token in take_forced(sequence, self.config.vocabulary):
                        made.append((sequence, token))
        self._metrics.output_tokens += len(made)
        return made

    def _schedule(self) -> list[Scheduled]:
        """Whose tokens are run in this step. Who is over its time is not among them."""
        now = self._clock()
        for sequence in self.under_way:
            if now > sequence.deadline and sequence.finish is None:
                sequence.finish = Finish.DEADLINE
        scheduled = self._scheduler.schedule()
        if all(each.sequence.is_decoding for each in scheduled):
            self._draft(scheduled)
        return scheduled

    def _draft(self, scheduled: list[Scheduled]) -> None:
        """Adds guesses at what comes next, where they pay and there is room for them."""
        sequences = [each.sequence for each in scheduled]
        # A draft in the last place is of no use: nothing could follow it.
        asked = [(s.drafter, max(0, s.capacity - len(s.token_ids) - 1)) for s in sequences]
        num_rows = sum(each.num_tokens for each in scheduled)
        for each, drafts in zip(
            scheduled, self._speculation.draft(asked, num_rows) if asked else [], strict=True
        ):
            sequence = each.sequence
            num_stored = sequence.num_stored + each.num_tokens + len(drafts)
            if drafts and self.cache.grow(sequence, num_stored):
                sequence.drafts = drafts
                self._metrics.draft_tokens += len(drafts)

    def _run(self, scheduled: list[Scheduled]) -> Made:
        """Runs tokens; leaves logits with each sequence whose tokens are now all run."""
        num_decoding = sum(each.sequence.is_decoding for each in scheduled)
        num_prompt = sum(e.num_tokens for e in scheduled if not e.sequence.is_decoding)
        start, made = self._clock(), []
        for each, logits in self._forward(scheduled):
            with failing_alone(each.sequence):
                made += self._report(each, logits)
            each.sequence.num_stored += each.num_tokens
            self.cache.advance(each.sequence)
            if each.sequence.num_pending == 0:
                each.sequence.logits = logits[-1 - len(each.drafts) :]
        seconds = self._clock() - start
        if num_prompt or not any(each.drafts for each in scheduled):
            self._pace.record(num_decoding, num_prompt, seconds)
        if not num_prompt:
            self._speculation.record(sum(each.num_rows for each in scheduled), seconds)
        self._metrics.num_steps += 1
        self._metrics.step_tokens += sum(each.num_rows for each in scheduled)
        return made

    def _forward(self, scheduled: list[Scheduled]) -> list[tuple[Scheduled, Float32]]:
        """Each with the logits of its wanted rows.

        Where the pass fails for one it fails for all, so each is tried by itself.
        """
        batch = make_batch(scheduled)
        counts = [len(wanted_rows(each)) for each in scheduled]
        if len(scheduled) > 1:
            try:
                logits = self._logits(batch)
            except Exception:
                logging.getLogger("ossia.engine").exception("a step failed; one by one")
                return [pair for each in scheduled for pair in self._forward([each])]
        else:
            with failing_alone(scheduled[0].sequence):
                logits = self._logits(batch)
            if scheduled[0].sequence.finish is not None:
                return []
        ends = list(accumulate(counts))
        return [
            (each, logits[end - count : end])
            for each, count, end in zip(scheduled, counts, ends, strict=True)
        ]

    def _logits(self, batch: Batch) -> Float32:
        return forward(self._params, self.config, self._rope, batch, self.cache.layers, self._ops)

    def _report(self, scheduled: Scheduled, logits: Float32) -> Made:
        """What a piece of a prompt gives: its scores if asked for, and how far it is."""
        sequence = scheduled.sequence
        if sequence.num_reported >= sequence.num_prompt:
            return []
        made: Made = []
        num_stored = sequence.num_stored + scheduled.num_tokens
        num_told = num_stored
        if sequence.request.score_prompt:
            made += [(sequence, token) for token in scores(sequence, logits)]
            num_told = min(num_stored + 1, sequence.num_prompt)
        if sequence.num_reported < num_stored < sequence.num_prompt:
            made.append((sequence, Prefill(num_stored, sequence.num_prompt)))
        sequence.num_reported = max(sequence.num_reported, num_told)
        return made

    def _sample(self, *, may_wait: bool) -> Made:
        """The next token of every sequence that is ready; waits for one mask if it may."""
        asked = [
            sequence
            for sequence in self._scheduler.running
            if sequence.logits is not None and sequence.finish is None and not sequence.is_paused
        ]
        ready = [sequence for sequence in asked if is_ready(sequence)]
        if may_wait and not ready:
            ready = asked[:1]
        for sequence in asked:
            if sequence not in ready and sequence.logits is not None:
                sequence.logits = sequence.logits.copy()  # the next pass may reuse their memory
        made: Made = []
        for sequence in ready:
            with failing_alone(sequence):
                for token in self._tokens(sequence):
                    made.append((sequence, token))
        self._metrics.output_tokens += len(made)
        return made

    def _tokens(self, sequence: Sequence) -> Iterator[Token]:
        """The sequence's next token, and those after it that its drafts have guessed."""
        assert sequence.logits is not None
        rows, drafts = sequence.logits, sequence.drafts
        sequence.logits, sequence.drafts = None, ()
        for row, draft in zip_longest(rows, drafts):
            yield (token := next_token(sequence, row))
            if token.token_id != draft or sequence.finish is not None:
                break
            sequence.num_stored += 1
            self._metrics.accepted_tokens += 1
        self.cache.advance(sequence)
        if sequence.is_at_boundary:
            self.cache.keep_window(sequence)
            sequence.is_at_boundary = False

    def _finish(self) -> Made:
        """Lets the finished go."""
        made: Made = []
        for sequence in self.under_way:
            if sequence.finish is None:
                continue
            self._remove(sequence, sequence.finish)
            end = End(sequence.finish, sequence.num_cached or 0, sequence.error)
            made.append((sequence, end))
        return made

    def _remove(self, sequence: Sequence, end: str) -> None:
        self._scheduler.remove(sequence)
        self._metrics.ends[end] += 1
        self._metrics.forced_tokens += sequence.num_forced
        if sequence.num_cached is not None:
            self._metrics.prompt_tokens += sequence.num_prompt
            self._metrics.cached_tokens += sequence.num_cached

    def _check(self, request: Request) -> None:
        """Refuses what cannot be run.

        Raises:
            InputError: see ``add``.
        """
        num_prompt = len(request.prompt_ids)
        if num_prompt == 0:
            raise InputError("the prompt is empty; the engine needs at least one token")
        if num_prompt >= self.context:
            raise ContextError(
                f"the conversation is {num_prompt} tokens long and the context holds "
                f"{self.context}, which leaves no room for an answer; shorten it, or load the "
                "model with a larger context (--context)"
            )
        if not 0 <= min(request.prompt_ids) <= max(request.prompt_ids) < self.config.vocabulary:
            raise InputError(
                f"the prompt holds a token id outside the model's {self.config.vocabulary}; "
                "the tokenizer belongs to another model"
            )
        biased = max((token_id for token_id, _ in request.sampling.logit_bias), default=0)
        if biased >= self.config.vocabulary:
            raise InputError(
                f"logit_bias names the token id {biased}; the model has {self.config.vocabulary}"
            )


def _begins(request: Request) -> list[int]:
    """Where messages begin in a prompt."""
    ids = request.boundary_ids
    return [place for place, token_id in enumerate(request.prompt_ids) if token_id in ids]
