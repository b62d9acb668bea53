"""The service on small random models: whoever reads, and however it ends, nothing is lost."""

import asyncio
import gc
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing, contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest
from tests.engine.alone import outputs

from ossia.base.errors import BusyError, InputError, OssiaError, ResourceError
from ossia.checkpoint.shape import SyntheticShape
from ossia.checkpoint.source import TokenizerFiles
from ossia.checkpoint.synthetic import SyntheticCheckpoint
from ossia.engine import End, Engine, Finish, Prefill, Request, Sampling, Token
from ossia.engine.service import MAX_FAILURES, MAX_LAG, Service
from ossia.model import Config, prepare_params
from ossia.ops.select import select_backend


@pytest.fixture(scope="module")
def make_engine():
    source = SyntheticCheckpoint(SyntheticShape.parse("2x64x4"), 1, TokenizerFiles())
    config = Config.from_mapping(source.config)
    ops = select_backend("cpu").ops
    params = prepare_params(source, config.num_layers, ops).params
    return lambda context=2048, kv_bytes=8 << 20, **more: Engine(
        params, config, ops, context, kv_bytes=kv_bytes, **more
    )


@pytest.fixture
def make_service(make_engine):
    """Services that are closed after the test, when nothing may be left in their engines."""
    services = []

    def make(**options):
        services.append(Service(make_engine(**options)))
        return services[-1]

    yield make
    for service in services:
        service.close()
        service.engine.check_integrity()
        assert num_under_way(service) == 0


@pytest.fixture
def service(make_service):
    return make_service()


def asking(seed: int, max_tokens: int = 20, num_prompt: int = 9) -> Request:
    prompt = tuple((seed * 31 + i * 7) % 90 for i in range(num_prompt))
    return Request(prompt, Sampling(seed=seed), max_tokens=max_tokens)


def num_under_way(service: Service) -> int:
    """How many sequences the engine has, after all that was asked of it so far."""
    return service.inspect(lambda engine: engine.num_running + engine.num_waiting).result()


def tokens(made):
    return [output for output in made if isinstance(output, Token)]


async def read(stream):
    return [output async for output in stream]


def wait_until(condition) -> None:
    while not condition():
        time.sleep(0.001)


REQUESTS = [asking(seed, 5 + seed * 3, 9 + seed * 40) for seed in range(12)]


@pytest.fixture(scope="module")
def alone(make_engine):
    return [tokens(outputs(make_engine(), request)) for request in REQUESTS]


def test_threads_read_what_each_request_is_given_alone(service, alone) -> None:
    with ThreadPoolExecutor(len(REQUESTS)) as threads:
        made = list(threads.map(lambda request: list(service.stream(request)), REQUESTS))
    assert [tokens(each) for each in made] == alone
    assert all(isinstance(each[-1], End) and each[-1].finish == "length" for each in made)


def test_several_event_loops_read_what_each_request_is_given_alone(service, alone) -> None:
    async def read_all():
        return await asyncio.gather(*(read(service.astream(request)) for request in REQUESTS))

    with ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(asyncio.run, read_all()) for _ in range(2)]
        for run in runs:
            assert [tokens(each) for each in run.result()] == alone


def test_an_event_loop_is_woken_once_a_step(service) -> None:
    async def read_all() -> int:
        loop, wakings = asyncio.get_running_loop(), []
        wake = loop.call_soon_threadsafe
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "call_soon_threadsafe", lambda *a: (wakings.append(1), wake(*a)))
            await asyncio.gather(*(read(service.astream(asking(seed))) for seed in range(16)))
        return len(wakings)

    num_wakings = asyncio.run(read_all())
    assert num_wakings <= service.engine.metrics.num_steps < 16 * 20 / 2


def test_streams_of_one_thread_go_on_side_by_side(service, alone) -> None:
    streams = [service.stream(request) for request in REQUESTS[:3]]
    made = [[], [], []]
    for _ in range(5):
        for stream, found in zip(streams, made, strict=True):
            found.append(next(stream))
    assert [tokens(each) for each in made] == [each[:5] for each in alone[:3]]


def test_a_long_prompt_says_how_far_it_is(service) -> None:
    made = list(service.stream(asking(0, 2, num_prompt=1100)))
    told = [output.num_done for output in made if isinstance(output, Prefill)]
    assert told == sorted(told)
    assert told
    assert [type(output) for output in made[len(told) :]] == [Token, Token, End]


def test_what_the_engine_refuses_comes_with_the_first_output(service) -> None:
    with pytest.raises(InputError, match="prompt is empty"):
        next(service.stream(Request(())))

    async def ask() -> None:
        stream = service.astream(Request((10**6,)))
        with pytest.raises(InputError, match="another model"):
            await anext(stream)
        assert await read(stream) == []

    asyncio.run(ask())
    assert num_under_way(service) == 0


def test_too_many_are_refused_and_the_others_served(make_service) -> None:
    service = make_service(max_running=1, max_waiting=2)
    entered, leave = threading.Event(), threading.Event()
    service.inspect(lambda _: (entered.set(), leave.wait()))
    entered.wait()  # so that all requests are there before the first step
    streams = [service.stream(request) for request in REQUESTS[:4]]
    leave.set()
    ends = []
    for stream in streams:
        try:
            ends.append(list(stream)[-1].finish)
        except BusyError:
            ends.append("busy")
    assert sorted(ends) == ["busy", "busy", "length", "length"]


def test_closing_or_losing_a_stream_cancels_its_request(service) -> None:
    with closing(service.stream(asking(0, 2000))) as closed:
        next(closed)
        lost = service.stream(asking(1, 2000))
        next(lost)
        assert num_under_way(service) == 2
        del lost
        gc.collect()
        assert num_under_way(service) == 1
    assert num_under_way(service) == 0
    assert list(closed) == []


def test_a_cancelled_task_cancels_its_request(service) -> None:
    async def ask() -> None:
        reading = asyncio.create_task(read(service.astream(asking(0, 2000))))
        waiting = service.astream(asking(1, 2000))
        async with aclosing(service.astream(asking(2, 2000))) as stream:
            await anext(stream)
            await anext(waiting)
            assert num_under_way(service) == 3
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert num_under_way(service) == 2
        assert num_under_way(service) == 1
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read(waiting), 0.001)

    asyncio.run(ask())
    assert num_under_way(service) == 0


def test_an_event_loop_that_is_closed_reads_no_more(service) -> None:
    async def ask():
        stream = service.astream(asking(0, 2000))
        await anext(stream)
        return stream

    left = asyncio.run(ask())
    wait_until(lambda: num_under_way(service) == 0)
    assert not left.is_over  # nobody could tell it


def num_made(stream) -> int:
    return stream._reader.num_sent


def test_a_slow_thread_pauses_its_own_sequence_and_no_other(service, make_engine) -> None:
    request = asking(5, 3 * MAX_LAG)
    slow = service.stream(request)
    wait_until(lambda: num_made(slow) > MAX_LAG)
    other = list(service.stream(asking(6, 2 * MAX_LAG)))
    assert len(tokens(other)) == 2 * MAX_LAG
    assert MAX_LAG < num_made(slow) < MAX_LAG + 20
    assert not service.inspect(lambda engine: engine.has_work).result()
    made = [next(slow)]
    assert num_made(slow) < MAX_LAG + 20
    made += slow
    assert tokens(made) == tokens(outputs(make_engine(), request))


def test_a_slow_task_pauses_its_own_sequence_and_no_other(service, make_engine) -> None:
    request = asking(5, 3 * MAX_LAG)

    async def ask():
        slow = service.astream(request)
        while num_made(slow) <= MAX_LAG:
            await asyncio.sleep(0.001)
        other = await read(service.astream(asking(6, 2 * MAX_LAG)))
        assert len(tokens(other)) == 2 * MAX_LAG
        assert MAX_LAG < num_made(slow) < MAX_LAG + 20
        return await read(slow)

    assert tokens(asyncio.run(ask())) == tokens(outputs(make_engine(), request))


def test_one_that_waits_for_pages_gets_those_of_a_slow_reader(make_service) -> None:
    service = make_service(kv_bytes=None)  # pages for one conversation
    slow = service.stream(asking(5, 1900))
    wait_until(lambda: num_made(slow) > MAX_LAG)
    other = list(service.stream(asking(6, 1900)))
    assert len(tokens(other)) == 1900
    assert len(tokens(slow)) == 1900


def test_nothing_is_computed_while_nobody_asks(service) -> None:
    list(service.stream(asking(0)))
    slow = service.stream(asking(5, 4 * MAX_LAG))
    wait_until(lambda: slow._reader.is_paused)
    num_under_way(service)
    clock = time.pthread_getcpuclockid(service._driver._thread.ident)
    before = time.clock_gettime(clock)
    time.sleep(0.3)
    assert time.clock_gettime(clock) - before < 0.01


def breaking(engine: Engine, patch: pytest.MonkeyPatch, errors: list[BaseException]) -> None:
    """Makes the next steps fail with these errors."""
    step = engine.step

    def fail():
        if errors:
            raise errors.pop(0)
        return step()

    patch.setattr(engine, "step", fail)


def test_a_step_that_fails_ends_those_under_way_and_no_later_one(service, monkeypatch, caplog):
    errors = [KeyError("page"), MemoryError(), ResourceError("no memory at all")]
    breaking(service.engine, monkeypatch, errors)
    for said in ("KeyError", "more memory than is free"):
        [end] = service.stream(asking(0))
        assert end.finish is Finish.FAILED
        assert said in str(end.error)
        assert isinstance(end.error, OssiaError)
        assert end.error.__traceback__ is None
    assert "Traceback" in caplog.text
    errors.clear()
    list(service.stream(asking(1)))
    for _ in range(MAX_FAILURES):  # what worked between counts
        errors.append(ValueError("once"))
        [end] = service.stream(asking(0))
        assert end.finish is Finish.FAILED
        assert list(service.stream(asking(1)))[-1].finish is Finish.LENGTH


def test_an_engine_that_always_fails_is_given_up(service, monkeypatch, caplog) -> None:
    breaking(service.engine, monkeypatch, [ValueError("rotten")] * MAX_FAILURES)
    for _ in range(MAX_FAILURES):
        assert list(service.stream(asking(0)))[-1].finish is Finish.FAILED
    with pytest.raises(OssiaError, match=r"takes no more requests: .*rotten"):
        next(service.stream(asking(0)))
    service._driver.join()
    with pytest.raises(OssiaError, match=r"takes no more requests: .*rotten"):
        next(service.stream(asking(0)))
    assert "rotten" in caplog.text


def test_what_breaks_the_thread_is_told_to_all_readers(service, monkeypatch, caplog) -> None:
    breaking(service.engine, monkeypatch, [SystemExit(3)])
    monkeypatch.setattr(service.engine, "cancel", None)  # nor can it forget anything
    assert list(service.stream(asking(0)))[-1].finish is Finish.CLOSED
    service._driver.join()
    monkeypatch.undo()
    service.engine.close()
    with pytest.raises(OssiaError, match="its thread failed"):
        next(service.stream(asking(0)))
    assert "SystemExit" in caplog.text


def test_answers_under_way_end_by_themselves_before_a_close(service, alone) -> None:
    streams = [service.stream(request) for request in REQUESTS]
    first = [next(stream) for stream in streams]
    service.close(timeout=60)
    made = [[one, *stream] for one, stream in zip(first, streams, strict=True)]
    assert [tokens(each) for each in made] == alone
    assert all(each[-1].finish is Finish.LENGTH for each in made)


@pytest.mark.parametrize("timeout", [0.0, 0.01])
def test_a_close_cuts_what_lasts_longer(service, timeout: float) -> None:
    streams = [service.stream(asking(seed, 2000)) for seed in range(3)]
    slow = service.stream(asking(5, 2000))
    first = [next(stream) for stream in streams]
    wait_until(lambda: slow._reader.is_paused)
    for _ in range(2):  # the second time it is closed already
        service.close(timeout)
    for one, stream in zip(first, streams, strict=True):
        made = [one, *stream]
        assert made[-1].finish is Finish.CLOSED
        assert len(tokens(made)) == len(made) - 1 > 0
    assert len(list(slow)) > MAX_LAG
    with pytest.raises(OssiaError, match="model is closed"):
        next(service.stream(asking(0)))
    assert not service._driver.is_alive


def test_an_event_loop_reads_on_while_a_service_closes(service, alone) -> None:
    async def ask():
        reading = asyncio.gather(*(read(service.astream(request)) for request in REQUESTS))
        await asyncio.sleep(0.01)
        await service.aclose(timeout=60)
        with pytest.raises(OssiaError, match="model is closed"):
            await anext(service.astream(asking(0)))
        return await reading

    assert [tokens(each) for each in asyncio.run(ask())] == alone


def test_requests_that_race_with_a_close_are_answered_or_refused(make_service) -> None:
    service = make_service()
    ends: SimpleQueue[str] = SimpleQueue()

    def ask() -> None:
        for seed in range(50):
            try:
                ends.put(list(service.stream(asking(seed, 3)))[-1].finish)
            except OssiaError:
                ends.put("refused")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    service.close()
    for thread in threads:
        thread.join()
    counts = [ends.get() for _ in range(ends.qsize())]
    assert len(counts) == 8 * 50
    assert set(counts) <= {"length", "closed", "refused"}


def test_a_service_that_nobody_holds_ends_by_itself(make_engine) -> None:
    service = Service(make_engine())
    stream = service.stream(asking(0))
    thread = service._driver._thread
    del service
    assert list(stream)[-1].finish is Finish.LENGTH  # who reads holds it
    del stream
    gc.collect()
    thread.join()


PREAMBLE = """
    import os, sys, threading
    from ossia.base.errors import OssiaError
    from ossia.checkpoint.shape import SyntheticShape
    from ossia.checkpoint.source import TokenizerFiles
    from ossia.checkpoint.synthetic import SyntheticCheckpoint
    from ossia.engine import Engine, Request
    from ossia.engine.service import Service
    from ossia.model import Config, prepare_params
    from ossia.ops.select import select_backend

    source = SyntheticCheckpoint(SyntheticShape.parse("4x256x8"), 1, TokenizerFiles())
    config = Config.from_mapping(source.config)
    ops = select_backend("cpu").ops
    params = prepare_params(source, config.num_layers, ops).params
    service = Service(Engine(params, config, ops, 2048, kv_bytes=64 << 20))
    ask = Request(tuple(i % 90 for i in range(300)))
    streams = [service.stream(ask) for _ in range(3)]
    for stream in streams:
        next(stream)
    print("reading", flush=True)
"""


@contextmanager
def running(script: str):
    """A process that is in the middle of three answers when the script begins."""
    whole = textwrap.dedent(PREAMBLE) + textwrap.dedent(script)
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", whole]
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("threading.Thread(target=lambda: list(streams[0]), daemon=True).start()", 0),
        ("del service, streams", 0),
    ],
)
def test_a_process_ends_in_the_middle_of_answers_without_a_word(ending: str, code: int) -> None:
    with running(ending) as process:
        out, err = process.communicate()
        assert (process.returncode, out, err) == (code, "reading\n", "")


def test_ctrl_c_comes_at_once_and_more_of_it_does_no_harm() -> None:
    script = """
        try:
            os.write(1, b"trying\\n")
            while True:
                list(service.stream(ask))
        except KeyboardInterrupt:
            os.write(1, b"stopped\\n")
    """
    with running(script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        assert process.stdout.readline() == "trying\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "stopped\n"
        out, err = process.communicate()
        assert (process.returncode, out, err) == (0, "", "")


def test_a_forked_process_is_told_that_the_engine_is_not_there() -> None:
    script = """
        child = os.fork()
        if child == 0:
            attempts = [
                lambda: service.stream(ask),
                lambda: next(stream),
                lambda: service.inspect(print),
                lambda: service.close(),
            ]
            for attempt in attempts:
                try:
                    print(attempt())
                except OssiaError as error:
                    print(error)
            sys.stdout.flush()
            sys.exit(5)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), list(stream)[-1].finish)
    """
    with running(script) as process:
        out, err = process.communicate()
    *lines, closed, last = out.splitlines()
    assert [line[:24] for line in lines] == ["reading", *["this process was forked "] * 3]
    assert closed == "None"
    assert last in ("5 length", "5 stop")
    assert err == ""


def test_a_short_soak_loses_nothing() -> None:
    soak = Path(__file__).parents[2] / "benchmarks" / "soak.py"
    command = [sys.executable, str(soak), "--requests", "200"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("nothing lost, nothing left\n")


def test_a_deadline_ends_an_answer_whose_reader_is_slow(service) -> None:
    stream = service.stream(Request((1, 2, 3), max_tokens=1500, timeout=1.5))
    while not stream._reader.is_paused:
        time.sleep(0.01)
    time.sleep(1.6)
    *_, end = stream
    assert end.finish is Finish.DEADLINE
