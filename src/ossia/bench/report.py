"""What came out of a measurement. Knows figures and how they are summed up, not how they came."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ossia.bench.traffic import Traffic
from ossia.bench.workloads import Workload


@dataclass(frozen=True)
class Spread:
    """A figure over the repeats."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        """That of one figure or more."""
        return cls(statistics.median(figures), min(figures), max(figures))


@dataclass(frozen=True)
class Decode:
    """Decoding with ``context`` tokens in the KV cache, on average over the decoded ones.

    Attributes:
        is_random: whether keys and values before it were random, not computed from a prompt.
        tokens_per_second: by repeat.
        traffic: bytes that one token must read.
        floor: tokens a second if reading them, at the bandwidth of the same run, were all.
        share_of_floor: by repeat, each beside the bandwidth right before and after it.
    """

    context: int
    is_random: bool
    tokens_per_second: Spread
    traffic: Traffic
    floor: float
    share_of_floor: Spread


@dataclass(frozen=True)
class Step:
    """Where the time of one decoding step goes, in seconds, from steps of their own.

    Attributes:
        seconds: of the whole step.
        ops: by op, the longest first.
        outside: what no op took: scheduling, sampling, additions between ops, Python.
    """

    seconds: float
    ops: dict[str, float]
    outside: float


@dataclass(frozen=True)
class Report:
    """One measurement.

    Attributes:
        backend_detail: how the backend computes here, in words.
        instruction_set: of the compiled kernels, or None where none computes.
        threads: that kernels, and the bandwidth probe, may use.
        weights: formats of the large tensors, by kind.
        holding: where they are held, in words.
        load_seconds: to open the model, pack it the first time, and make room for the context.
        warm_up_seconds: to the first token of the first prompt, of at most a chunk; not counted.
        time_to_first_token: of the prompt, in seconds.
        prefill: prompt tokens a second, the first token's sampling included.
        decode: after the prompt.
        decode_at_context: with ``workload.context`` tokens before it, if that was asked for.
        bandwidth: bytes a second that all threads read from memory, around every decoding.
        peak_bytes: most resident memory, weights as far as they were read, without the probe's;
            None where the system does not tell.
    """

    model: str
    layout: str
    backend: str
    backend_reason: str
    backend_detail: str
    instruction_set: str | None
    threads: int
    weights: dict[str, str]
    holding: str
    workload: Workload
    load_seconds: float
    warm_up_seconds: float
    time_to_first_token: Spread
    prefill: Spread
    decode: Decode
    decode_at_context: Decode | None
    bandwidth: Spread
    peak_bytes: int | None
    step: Step
