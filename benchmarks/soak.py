"""Many requests of all kinds at once through the service on nano, and what is left when they end.

    python benchmarks/soak.py [--requests 10000] [--together 48] [--seed 0]

Prompts are short and long, with beginnings in common and without; readers read to the end, stop
reading, are cancelled, lose their stream, are slow, or ask for an answer in little time. Memory has
to stay flat, every request has to have an end that the engine has counted as well, and whatever is
read of a request has to be the same every time that it is asked. Exit code 1 where it is not so.
"""

import argparse
import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random

from ossia import hub
from ossia.base.errors import InputError
from ossia.checkpoint import open_checkpoint
from ossia.engine import End, Engine, Output, Request, Sampling, Service, Token
from ossia.model import Config, prepare_params
from ossia.ops.select import select_backend

CONTEXT = 2048
KV_BYTES = 24 << 20
BEGINNINGS = 12
QUESTIONS = 400
"""Different requests; each is asked many times, in other company."""

FATES = {"read": 55, "slow": 8, "stop reading": 12, "cancel": 10, "lose": 5, "hurry": 8, "wrong": 2}
"""What becomes of requests, with how many of a hundred."""


@dataclass
class Soak:
    """The run: what was asked, and what came of it.

    Attributes:
        answers: the most that was read of each question.
        seen: ends as readers saw them; those that stopped reading saw none.
        faults: what must not be.
    """

    service: Service
    questions: list[Request]
    num_requests: int
    random: Random
    answers: dict[int, list[int]] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    fates: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        [*fates], [*weights] = zip(*FATES.items(), strict=True)
        self._tasks = [
            (self.random.randrange(QUESTIONS), fate)
            for fate in self.random.choices(fates, weights, k=self.num_requests)
        ]

    def tasks(self) -> Iterator[tuple[int, str]]:
        """Questions by number, each with what becomes of it, for whoever comes to take some."""
        with suppress(IndexError):
            while True:
                yield self._tasks.pop()

    def request(self, question: int, fate: str) -> Request:
        """A question as it is asked this time."""
        asked = self.questions[question]
        prompt_ids, timeout = asked.prompt_ids, None
        if fate == "wrong":
            prompt_ids = self.random.choice([(), (10**6,), (1,) * CONTEXT])
        if fate == "hurry":
            timeout = self.random.choice([1e-6, 0.01, 0.1])
        # Slow readers are given more than may wait for them.
        most = 700 if fate == "slow" and question % 2 else asked.max_tokens
        return Request(
            prompt_ids,
            asked.sampling,
            max_tokens=most,
            boundary_ids=asked.boundary_ids,
            client=f"client {question % 7}",
            priority=question % 3,
            timeout=timeout,
        )

    def note(self, question: int, fate: str, read: list[Output]) -> None:
        """Compares what was read with what was read before."""
        with self._lock:
            self._note(question, fate, read)

    def _note(self, question: int, fate: str, read: list[Output]) -> None:
        self.fates[fate] += 1
        ids = [output.token_id for output in read if isinstance(output, Token)]
        before = self.answers.setdefault(question, ids)
        shared = min(len(ids), len(before))
        if ids[:shared] != before[:shared]:
            self.faults.append(f"question {question} ({fate}) is answered in two ways")
        if len(ids) > len(before):
            self.answers[question] = ids
        ends = [output for output in read if isinstance(output, End)]
        if len(ends) > 1 or (ends and read[-1] is not ends[0]):
            self.faults.append(f"question {question} ({fate}) has outputs after its end")
        if fate in ("read", "slow", "hurry") and not ends:
            self.faults.append(f"question {question} ({fate}) has no end")
        self.seen.update(str(end.finish) for end in ends)

    def _refuse(self) -> None:
        with self._lock:
            self.seen["refused"] += 1

    async def ask(self, question: int, fate: str) -> None:
        """Asks once, in an event loop."""
        read: list[Output] = []
        if fate == "cancel":
            await self._cancel(question, read)
        elif fate == "lose":
            stream = self.service.astream(self.request(question, fate))
            read.append(await anext(stream))
        else:
            await self._read(question, fate, read)
        self.note(question, fate, read)

    async def _read(self, question: int, fate: str, read: list[Output]) -> None:
        most = self.random.randrange(1, 20) if fate == "stop reading" else sys.maxsize
        try:
            async with aclosing(self.service.astream(self.request(question, fate))) as stream:
                async for output in _slowly(stream, 0.4 if fate == "slow" else 0):
                    read.append(output)
                    if len(read) == most:
                        break
        except InputError:
            self._refuse()

    async def _cancel(self, question: int, read: list[Output]) -> None:
        task = asyncio.create_task(self._read(question, "read", read))
        await asyncio.sleep(self.random.choice([0, 0, 0.001, 0.02, 0.1]))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def ask_in_thread(self, question: int, fate: str) -> None:
        """Asks once, in a thread."""
        read: list[Output] = []
        try:
            with closing(self.service.stream(self.request(question, fate))) as stream:
                read.extend(islice(stream, 1))
                if fate == "slow":
                    time.sleep(0.4)
                if fate not in ("cancel", "lose", "stop reading"):
                    read.extend(stream)
        except InputError:
            self._refuse()
        self.note(question, fate, read)


async def _slowly(stream: AsyncIterator[Output], pause: float) -> AsyncIterator[Output]:
    """A stream with one long pause after its first output."""
    async for output in stream:
        yield output
        if pause:
            await asyncio.sleep(pause)
            pause = 0


def make_service() -> Service:
    """nano with room for a few conversations, so that pages run out."""
    source = open_checkpoint(hub.resolve("nano"))
    config = Config.from_mapping(source.config)
    ops = select_backend(None).ops
    params = prepare_params(source, config.num_layers, ops).params
    return Service(Engine(params, config, ops, CONTEXT, kv_bytes=KV_BYTES, max_running=32))


def make_questions(random: Random, vocabulary: int) -> list[Request]:
    """Questions, most of which begin like others."""

    def ids(length: int) -> tuple[int, ...]:
        return tuple(random.randrange(vocabulary) for _ in range(length))

    beginnings = [ids(random.choice([30, 80, 200, 600])) for _ in range(BEGINNINGS)]
    questions = []
    for seed in range(QUESTIONS):
        beginning = random.choice(beginnings) if random.random() < 0.8 else ()
        prompt = (*beginning, *ids(random.choice([1, 5, 20, 60, 150])))
        questions.append(
            Request(
                prompt,
                Sampling(seed=seed),
                max_tokens=random.choice([1, 3, 10, 25, 60, 120]),
                boundary_ids=frozenset(prompt[len(beginning) : len(beginning) + 1]),
            )
        )
    return questions


def resident_mib() -> float:
    """Memory that this process has in RAM."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 2**20


async def soak(run: Soak, together: int) -> list[float]:
    """Asks everything, most of it from one event loop; the memory as it went."""

    async def ask_on() -> None:
        for task in run.tasks():
            await run.ask(*task)

    def ask_on_in_thread() -> None:
        for task in run.tasks():
            run.ask_in_thread(*task)

    threads = [asyncio.to_thread(ask_on_in_thread) for _ in range(max(1, together // 8))]
    asking = asyncio.gather(*threads, *(ask_on() for _ in range(together)))
    memory, start, told = [], time.perf_counter(), 0
    while not asking.done():
        await asyncio.wait([asking], timeout=0.25)
        num_done = run.fates.total()
        if num_done >= told or asking.done():
            told += max(1, run.num_requests // 20)
            memory.append(resident_mib())
            seconds = time.perf_counter() - start
            print(f"{num_done:7,} requests {seconds:6.1f} s {memory[-1]:7.1f} MiB", flush=True)
            found = run.service.inspect(lambda engine: engine.check_integrity())
            await asyncio.wrap_future(found)
    await asking
    return memory


def judge(run: Soak, memory: list[float]) -> list[str]:
    """What is not as it has to be, once all is closed."""
    engine, faults = run.service.engine, list(run.faults)
    engine.check_integrity()
    metrics = engine.metrics
    if engine.num_running or engine.num_waiting:
        faults.append("something is under way after the end")
    if metrics.num_requests + run.seen["refused"] != run.num_requests:
        faults.append("requests taken and refused are not those that were made")
    if metrics.ends.total() != metrics.num_requests:
        faults.append("requests and ends are not the same number")
    # A reader that gave up may have missed an end that came meanwhile, never the other way round.
    missing = run.seen - Counter(metrics.ends) - Counter(refused=run.seen["refused"])
    if missing:
        faults.append(f"the engine has not counted {missing}")
    settled = memory[len(memory) // 2 :]
    if max(settled) > 1.1 * settled[0] + 8:
        faults.append(f"memory grows: {settled[0]:.0f} to {max(settled):.0f} MiB")
    return faults


def main() -> int:
    """Runs and tells."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--together", type=int, default=48, help="readers at the same time")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    service, random = make_service(), Random(options.seed)
    questions = make_questions(random, 900)
    plan = service.engine.plan
    print(f"KV cache for {plan.num_tokens:,} tokens, {plan.kv_bytes / 2**20:.0f} MiB")
    run = Soak(service, questions, options.requests, random)
    start = time.perf_counter()
    memory = asyncio.run(soak(run, options.together))
    service.close()
    seconds = time.perf_counter() - start
    metrics = service.engine.metrics
    print(f"asked   {dict(run.fates)}")
    print(f"read    {dict(run.seen)}")
    print(f"ended   {dict(metrics.ends)}")
    print(f"metrics {metrics}")
    print(f"{(metrics.output_tokens + metrics.prompt_tokens) / seconds:,.0f} tokens a second")
    faults = judge(run, memory)
    print("\n".join(faults) or "nothing lost, nothing left")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
