"""How the engine bears company: many streams at once, a long prompt among them, a second turn.

    benchmarks/load.py MODEL --streams 1,2,4,8 --plot load.svg --json load.json

Streams: so many readers ask one request after the other, prompts of random tokens that have
nothing in common, answers of fixed length. Time to first token counts from asking, time between
tokens from one token to the next as the reader gets them. Beside the throughput stands the bound
that bytes set: with independent routing n tokens read 1 - (1 - active / experts)^n of all experts.

Long prompt: while streams answer, a prompt of thousands of tokens comes; the time between their
tokens until its first token is compared with the time just before.

Second turn: a long prompt is answered, then asked again with the answer and a new question, and
once more with another text in the answer's place, as when its reasoning was dropped; at last by a
new engine, after a restart. Time to first token is compared with the first turn's.

The memory's bandwidth is probed between all parts.
"""

import argparse
import asyncio
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ossia import hub
from ossia.checkpoint import open_checkpoint
from ossia.engine import End, Engine, Request, Sampling, Token
from ossia.engine.disk_cache import DiskCache
from ossia.engine.service import Service
from ossia.model import Config, prepare_params
from ossia.ops.cpu import start as start_kernels
from ossia.ops.cpu.bandwidth import probe_memory, read_bandwidth
from ossia.ops.select import select_backend

VOCABULARY = 200_000


@dataclass
class Timeline:
    """When a request was asked for, and when its tokens came, in seconds."""

    asked: float
    tokens: list[float] = field(default_factory=list)

    @property
    def first(self) -> float:
        """Seconds to the first token."""
        return self.tokens[0] - self.asked

    @property
    def gaps(self) -> list[float]:
        """Seconds between tokens."""
        return [after - before for before, after in itertools.pairwise(self.tokens)]


@dataclass(frozen=True)
class Level:
    """So many streams at once; times in seconds as (median, 95th, 99th percentile).

    Attributes:
        decode: tokens a second of all streams together, while all of them decode.
        bound: how much faster than one stream bytes allow.
        bandwidth: bytes a second, after it.
    """

    streams: int
    requests: int
    throughput: float
    decode: float
    bound: float
    first: tuple[float, float, float]
    between: tuple[float, float, float]
    bandwidth: float


@dataclass(frozen=True)
class LongPrompt:
    """What a long prompt does to so many streams; mean times between tokens, in seconds.

    Attributes:
        quiet, beside: before it came, and until it was through.
        middle, longest: median and maximum beside it.
        first: until its own first token.
    """

    streams: int
    prompt: int
    quiet: float
    beside: float
    middle: float
    longest: float
    first: float

    @property
    def ratio(self) -> float:
        """The time between tokens, in quiet ones."""
        return self.beside / self.quiet


@dataclass(frozen=True)
class Turns:
    """Seconds to the first token, and tokens known, of each turn of a long conversation."""

    prompt: int
    seconds: dict[str, float]
    cached: dict[str, int]


class Bench:
    """A model whose engine is measured from its readers' side."""

    def __init__(self, model: str, kv_gb: float, context: int) -> None:
        self.source = open_checkpoint(hub.resolve(model))
        self.config = Config.from_mapping(self.source.config)
        self.ops = select_backend(None).ops
        self.params = prepare_params(self.source, self.config.num_layers, self.ops).params
        self.kv_bytes, self.context = int(kv_gb * 1e9), context
        self.random = np.random.default_rng(0)
        start_kernels()
        self.probe = probe_memory()

    def service(self, folder: Path | None = None) -> Service:
        """A new engine, whose pages survive in a folder."""
        disk = DiskCache(folder, 10**10, "load") if folder else None
        return Service(
            Engine(
                self.params,
                self.config,
                self.ops,
                self.context,
                kv_bytes=self.kv_bytes,
                disk=disk,
            )
        )

    def prompt(self, length: int) -> tuple[int, ...]:
        """Random tokens."""
        most = min(VOCABULARY, self.config.vocabulary)
        return tuple(self.random.integers(0, most, length).tolist())

    def bandwidth(self) -> float:
        """Bytes a second that the memory gives now."""
        return read_bandwidth(self.probe)

    def bound(self, streams: int) -> float:
        """How much more tokens a second than one stream the bytes to read allow."""
        config = self.config
        experts, dense = 0, 0
        for name, info in self.source.tensors.items():
            is_expert = ".experts." in name and "bias" not in name
            size = np.prod(info.shape)
            if is_expert:
                experts += size * 17 / 32  # MXFP4: 16 bytes and a scale for 32
            elif name != "embedding":
                dense += size * 34 / 32  # 8 bits: 32 bytes and two for 32
        share = config.active_experts / config.num_experts

        def read(tokens: int) -> float:
            return dense + experts * (1 - (1 - share) ** tokens)

        return streams * read(1) / read(streams)


async def timed(service: Service, request: Request) -> Timeline:
    """Reads a request to its end."""
    line = Timeline(time.perf_counter())
    async for output in service.astream(request):
        if isinstance(output, Token):
            line.tokens.append(time.perf_counter())
    return line


def percentiles(values: list[float]) -> tuple[float, float, float]:
    """Median, 95th and 99th."""
    middle, high, highest = np.percentile(values, (50, 95, 99)).tolist()
    return middle, high, highest


async def level(bench: Bench, service: Service, streams: int, options: argparse.Namespace) -> Level:
    """Measures so many streams."""

    async def reader(index: int) -> list[Timeline]:
        lines = []
        for turn in range(options.turns):
            sampling = Sampling(seed=1000 * index + turn)
            prompt = bench.prompt(options.prompt)
            request = Request(prompt, sampling, max_tokens=options.answer, client=str(index))
            lines.append(await timed(service, request))
        return lines

    start = time.perf_counter()
    read = await asyncio.gather(*(reader(index) for index in range(streams)))
    lines = list(itertools.chain.from_iterable(read))
    seconds = time.perf_counter() - start
    num_tokens = sum(len(line.tokens) for line in lines)
    return Level(
        streams=streams,
        requests=len(lines),
        throughput=num_tokens / seconds,
        decode=await decode_rate(bench, service, streams, options.answer),
        bound=bench.bound(streams),
        first=percentiles([line.first for line in lines]),
        between=percentiles([gap for line in lines for gap in line.gaps]),
        bandwidth=bench.bandwidth(),
    )


async def decode_rate(bench: Bench, service: Service, streams: int, answer: int) -> float:
    """Tokens a second while all streams decode: from the last's first token to the first's last."""
    requests = [
        Request(bench.prompt(32), Sampling(seed=index), max_tokens=answer)
        for index in range(streams)
    ]
    lines = await asyncio.gather(*(timed(service, request) for request in requests))
    start = max(line.tokens[0] for line in lines)
    end = min(line.tokens[-1] for line in lines)
    num_tokens = sum(start < moment <= end for line in lines for moment in line.tokens)
    return num_tokens / (end - start)


async def long_prompt(bench: Bench, service: Service, streams: int, length: int) -> LongPrompt:
    """Measures the time between tokens before a long prompt comes, and until it is through."""
    lines = [Timeline(0.0) for _ in range(streams)]

    async def read(line: Timeline, seed: int) -> None:
        request = Request(bench.prompt(32), Sampling(seed=seed), client=str(seed))
        async for output in service.astream(request):
            if isinstance(output, Token):
                line.tokens.append(time.perf_counter())

    readers = [asyncio.create_task(read(line, seed)) for seed, line in enumerate(lines)]
    while min(len(line.tokens) for line in lines) < 24:
        await asyncio.sleep(0.05)
    came = time.perf_counter()
    request = Request(bench.prompt(length), max_tokens=1, client="long")
    through = (await timed(service, request)).tokens[0]
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    quiet = [gap for line in lines for gap in gaps_between(line, line.tokens[4], came)]
    beside = [gap for line in lines for gap in gaps_between(line, came, through)]
    return LongPrompt(
        streams,
        length,
        statistics.mean(quiet),
        statistics.mean(beside),
        statistics.median(beside),
        max(beside),
        through - came,
    )


def gaps_between(line: Timeline, start: float, end: float) -> list[float]:
    """Times between tokens that lie within a stretch."""
    pairs = itertools.pairwise(line.tokens)
    return [after - before for before, after in pairs if start <= before and after <= end]


async def turns(bench: Bench, folder: Path, length: int) -> Turns:
    """Measures a second turn: at once, without the reasoning, and after a restart."""
    found = Turns(length, {}, {})
    prompt, question = bench.prompt(length), bench.prompt(24)
    service = bench.service(folder)
    answer = await ask(service, prompt, "first", found)
    second = (*prompt, *answer, *question)
    await ask(service, second, "second", found)
    await ask(service, (*prompt, *answer[8:], *question[::-1]), "reasoning dropped", found)
    await service.aclose()
    service = bench.service(folder)
    await ask(service, (*second, *question), "after a restart", found)
    await service.aclose()
    return found


async def ask(service: Service, ids: tuple[int, ...], name: str, found: Turns) -> list[int]:
    """The answer to a prompt; when it began is noted."""
    asked, made = time.perf_counter(), []
    async for output in service.astream(Request(ids, Sampling(seed=1), max_tokens=24)):
        if isinstance(output, Token):
            if not made:
                found.seconds[name] = time.perf_counter() - asked
            made.append(output.token_id)
        elif isinstance(output, End):
            found.cached[name] = output.num_cached
    return made


async def measure(bench: Bench, options: argparse.Namespace) -> AsyncIterator[object]:
    """All parts, one after the other."""
    service = bench.service()
    await decode_rate(bench, service, 1, 8)  # everything has run once
    for streams in options.streams:
        yield await level(bench, service, streams, options)
    yield await long_prompt(bench, service, max(options.streams), options.long)
    yield await long_prompt(bench, service, 1, options.long)
    await service.aclose()
    with tempfile.TemporaryDirectory() as folder:
        yield await turns(bench, Path(folder), options.long)


def words(part: object) -> str:
    """A part of the report in a line or two."""
    match part:
        case Level():
            first, between = (
                "/".join(f"{1e3 * s:.0f}" for s in t) for t in (part.first, part.between)
            )
            return (
                f"{part.streams:>3} streams: decode {part.decode:.1f} tokens/s "
                f"(bound {part.bound:.2f}x), all in all {part.throughput:.1f}; first token "
                f"{first} ms, between tokens {between} ms; memory {part.bandwidth / 1e9:.0f} GB/s"
            )
        case LongPrompt():
            return (
                f"{part.streams:>3} streams and a prompt of {part.prompt}: between tokens "
                f"{1e3 * part.quiet:.0f} ms before, {1e3 * part.beside:.0f} beside "
                f"({part.ratio:.2f}x; median {1e3 * part.middle:.0f}, at most "
                f"{1e3 * part.longest:.0f}); its first token after {part.first:.1f} s"
            )
        case Turns():
            base = part.seconds["first"]
            lines = (
                f"    {name:<18} first token after {s:.2f} s ({100 * s / base:.1f}%), "
                f"{part.cached[name]} tokens known"
                for name, s in part.seconds.items()
            )
            return "\n".join([f"a conversation of {part.prompt} tokens:", *lines])
    raise TypeError(part)


def plot(levels: list[Level], path: Path) -> None:
    """Throughput and waiting against the number of streams, as a picture."""
    from matplotlib import pyplot as plt

    streams = [each.streams for each in levels]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.plot(streams, [each.decode for each in levels], "o-", label="decode, all streams")
    left.plot(streams, [levels[0].decode * e.bound for e in levels], "--", label="what bytes allow")
    left.set(xlabel="streams", ylabel="tokens a second", ylim=0, xticks=streams)
    for name, index in (("median", 0), ("95%", 1), ("99%", 2)):
        right.plot(streams, [1e3 * e.between[index] for e in levels], "o-", label=name)
    right.set(xlabel="streams", ylabel="between tokens, ms", ylim=0, xticks=streams)
    for axes in (left, right):
        axes.legend()
        axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--streams", default="1,2,4,8", help="numbers of streams")
    parser.add_argument("--prompt", type=int, default=64, help="tokens of a prompt")
    parser.add_argument("--answer", type=int, default=48, help="tokens of an answer")
    parser.add_argument("--turns", type=int, default=2, help="requests of each stream")
    parser.add_argument("--long", type=int, default=4096, help="tokens of the long prompt")
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--kv-gb", type=float, default=2.0, help="memory for keys and values")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.streams = [int(number) for number in options.streams.split(",")]
    return options


async def main() -> None:
    """Measures, prints as it goes, and keeps the figures if asked to."""
    options = parse()
    bench, parts = Bench(options.model, options.kv_gb, options.context), []
    async for part in measure(bench, options):
        print(words(part), flush=True)
        parts.append(part)
    if options.json:
        found = [{"part": type(part).__name__, **asdict(part)} for part in parts]
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if options.plot:
        plot([part for part in parts if isinstance(part, Level)], options.plot)


if __name__ == "__main__":
    asyncio.run(main())
