"""Runs a workload through the engine, with the memory's bandwidth measured around every decoding.

Knows the order of a measurement: load, warm up, then repeats of prompt, decoding and, if asked
for, decoding at a long context; at last some steps whose every op is timed.
"""

import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from ossia import hub
from ossia.bench.observed import ObservedOps
from ossia.bench.peak import peak_resident
from ossia.bench.report import Decode, Report, Spread, Step
from ossia.bench.stored import add_stored, fill_pages
from ossia.bench.traffic import formats, traffic_of
from ossia.bench.workloads import Workload
from ossia.checkpoint import open_checkpoint, stored
from ossia.engine import Engine
from ossia.engine.memory import PREFILL_CHUNK, check_context
from ossia.engine.request import Sequence
from ossia.model import Config, prepare_params
from ossia.ops.cpu import _kernels, active_instruction_set
from ossia.ops.cpu import start as start_kernels
from ossia.ops.cpu.bandwidth import probe_memory, read_bandwidth
from ossia.ops.select import select_backend

if TYPE_CHECKING:
    from ossia.ops.spec import Ops


@dataclass(frozen=True)
class Progress:
    """Where a measurement is: ``num_done`` of ``num_tokens`` tokens of a stage.

    Attributes:
        repeat: which of the workload's, from 1; None before and after them.
    """

    stage: str
    repeat: int | None
    num_done: int
    num_tokens: int


@dataclass(frozen=True)
class _Decoded:
    tokens_per_second: float
    bandwidth: float  # bytes a second, the mean of right before and right after


@dataclass(frozen=True)
class _Samples:
    first_token: list[float] = field(default_factory=list)  # seconds
    decode: list[_Decoded] = field(default_factory=list)
    at_context: list[_Decoded] = field(default_factory=list)


class Bench:
    """A loaded model and what is to be measured on it.

    Args:
        name: see ``hub.resolve``; the model needs no vocabulary.
        backend: see ``ops.select``.
        packing: told bytes of weights packed and in all, while that goes on.

    Raises:
        OssiaError: the model, the backend, or room for the workload cannot be had.
    """

    def __init__(
        self,
        name: str,
        workload: Workload,
        backend: str | None = None,
        packing: stored.Progress = stored.silent,
    ) -> None:
        start = time.perf_counter()
        self.workload = workload
        self.source = open_checkpoint(hub.resolve(name))
        self.config = Config.from_mapping(self.source.config)
        self.backend = select_backend(backend)
        self.ops = ObservedOps(self.backend.ops)
        check_context(self.config, workload.room, self.backend.ops.kv_item_bytes())
        num_layers = self.config.num_layers
        self.prepared = prepare_params(self.source, num_layers, self.backend.ops, packing)
        self.params = self.prepared.params
        self.engine = Engine(self.params, self.config, cast("Ops", self.ops), workload.room)
        self.load_seconds = time.perf_counter() - start
        self._peak_of_loading = peak_resident()
        start_kernels()  # the probe's threads, whatever backend computes
        self._probe = probe_memory()

    def run(self) -> Generator[Progress | Report, None, None]:
        """Measures; the report comes last. Closing the generator ends it at any token."""
        samples = _Samples()
        warm_up_seconds = yield from self._warm_up()
        if self.workload.context:
            fill_pages(self.config, self.ops.pages, self.backend.ops)
        for repeat in range(1, self.workload.repeat + 1):
            yield from self._after_prompt(repeat, samples)
            if self.workload.context:
                yield from self._at_context(repeat, samples)
        step = yield from self._steps()
        yield self._report(samples, warm_up_seconds, step)

    def _warm_up(self) -> Generator[Progress, None, float]:
        """Seconds to the first token; after it, one step more, so that every kernel has run."""
        length = min(self.workload.prompt, PREFILL_CHUNK)
        sequence = self._add(length, seed=0)
        try:
            seconds = yield from self._prefill(sequence, "warming up", None)
            self.engine.step()
        finally:
            self.engine.cancel(sequence)
        return seconds

    def _after_prompt(self, repeat: int, samples: _Samples) -> Generator[Progress, None, None]:
        sequence = self._add(self.workload.prompt, seed=repeat)
        try:
            seconds = yield from self._prefill(sequence, "prompt", repeat)
            decoded = yield from self._decode(sequence, "decoding", repeat)
        finally:
            self.engine.cancel(sequence)
        samples.first_token.append(seconds)
        samples.decode.append(decoded)

    def _at_context(self, repeat: int, samples: _Samples) -> Generator[Progress, None, None]:
        context = self.workload.context or 0
        stage = f"decoding at {context:,} tokens of context"
        sequence = self._add(context + 1, seed=repeat, is_stored=True)
        try:
            self.engine.step()
            samples.at_context.append((yield from self._decode(sequence, stage, repeat)))
        finally:
            self.engine.cancel(sequence)

    def _steps(self) -> Generator[Progress, None, Step]:
        """Decodes once more after a prompt's length, every op timed."""
        num_steps = self.workload.decode
        sequence = self._add(self.workload.prompt, seed=0, is_stored=True)
        try:
            self.engine.step()
            self.ops.time()
            seconds = 0.0
            while sequence.finish is None:
                yield Progress("timing every op", None, sequence.num_output - 1, num_steps)
                seconds += self._step()
        finally:
            self.engine.cancel(sequence)
        by_time = sorted(self.ops.seconds.items(), key=lambda entry: -entry[1])
        ops = {name: spent / num_steps for name, spent in by_time}
        return Step(seconds / num_steps, ops, seconds / num_steps - sum(ops.values()))

    def _add(self, length: int, seed: int, *, is_stored: bool = False) -> Sequence:
        request = self.workload.request(length, self.config.vocabulary, seed)
        return add_stored(self.engine, request) if is_stored else self.engine.add(request)

    def _prefill(
        self, sequence: Sequence, stage: str, repeat: int | None
    ) -> Generator[Progress, None, float]:
        """Seconds to the first token."""
        num_prompt, seconds = len(sequence.request.prompt_ids), 0.0
        while sequence.num_output == 0:
            yield Progress(stage, repeat, sequence.num_stored, num_prompt)
            seconds += self._step()
        return seconds

    def _decode(
        self, sequence: Sequence, stage: str, repeat: int
    ) -> Generator[Progress, None, _Decoded]:
        """Runs a sequence that has its first token to its end."""
        before, seconds = read_bandwidth(self._probe), 0.0
        while sequence.finish is None:
            yield Progress(stage, repeat, sequence.num_output - 1, self.workload.decode)
            seconds += self._step()
        bandwidth = (before + read_bandwidth(self._probe)) / 2
        return _Decoded(self.workload.decode / seconds, bandwidth)

    def _step(self) -> float:
        """Seconds of one step; what the caller does between two is not counted."""
        start = time.perf_counter()
        self.engine.step()
        return time.perf_counter() - start

    def _report(self, samples: _Samples, warm_up_seconds: float, step: Step) -> Report:
        workload = self.workload
        bandwidth = [decoded.bandwidth for decoded in samples.decode + samples.at_context]
        at_context = None
        if workload.context:
            at_context = self._decode_report(samples.at_context, workload.context + 1, True)
        return Report(
            model=str(self.source.path),
            layout=self.source.layout.value,
            backend=self.backend.name,
            backend_reason=self.backend.reason,
            backend_detail=self.backend.detail,
            instruction_set=active_instruction_set() if self.backend.name == "cpu" else None,
            threads=_kernels.num_threads(),
            weights=formats(self.params),
            holding=self.prepared.holding,
            workload=workload,
            load_seconds=self.load_seconds,
            warm_up_seconds=warm_up_seconds,
            time_to_first_token=Spread.of(samples.first_token),
            prefill=Spread.of([workload.prompt / seconds for seconds in samples.first_token]),
            decode=self._decode_report(samples.decode, workload.prompt, False),
            decode_at_context=at_context,
            bandwidth=Spread.of(bandwidth),
            peak_bytes=self._peak(),
            step=step,
        )

    def _decode_report(self, decoded: list[_Decoded], start: int, is_random: bool) -> Decode:
        """Of decoding that began with ``start`` tokens stored."""
        context = start + self.workload.decode // 2
        traffic = traffic_of(self.params, self.config, self.ops.pages, context + 1)
        bandwidth = Spread.of([each.bandwidth for each in decoded])
        shares = [each.tokens_per_second * traffic.total / each.bandwidth for each in decoded]
        return Decode(
            context=context,
            is_random=is_random,
            tokens_per_second=Spread.of([each.tokens_per_second for each in decoded]),
            traffic=traffic,
            floor=bandwidth.median / traffic.total,
            share_of_floor=Spread.of(shares),
        )

    def _peak(self) -> int | None:
        """The probe's memory is resident from its making to the end, so it can be taken off."""
        peak = peak_resident()
        if peak is None or self._peak_of_loading is None:
            return None
        return max(self._peak_of_loading, peak - self._probe.nbytes)
