"""The engine behind threads and event loops: a thread of its own runs it, and readers wait for it.

Knows who reads which sequence, how far behind a reader is, and how it all ends; what is computed
is the engine's. Only the engine's thread touches the engine. Everybody else puts calls into its
inbox, a queue into which one may put things anywhere: in a signal's wake, in a destructor, and
after the thread has ended, when whoever puts a call there makes it himself.
"""

import asyncio
import atexit
import contextlib
import logging
import math
import os
import signal
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self, TypeVar

from ossia.base.errors import OssiaError, ResourceError
from ossia.engine.engine import Engine
from ossia.engine.request import End, Finish, Output, Request, Sequence

MAX_LAG = 256
"""Outputs that may wait for their reader; beyond, the sequence pauses until half of them do.

It is some seconds of a large model: more than a hiccup of the network, and a few KiB.
"""

MAX_FAILURES = 3
"""Steps that may fail in a row; then the engine is taken for broken."""

_Item = Output | OssiaError
"""What a reader is given; an error where the engine did not take the request."""

_Given = dict["_Reader", list[_Item]]

_CLOSED = "the model is closed and takes no more requests; load it again"

T = TypeVar("T")

_log = logging.getLogger("ossia.engine")
_log.addHandler(logging.NullHandler())  # who wants to read tracebacks adds another


class Service:
    """Serves requests of any thread and any event loop with one engine, which it owns from then on.

    Attributes:
        engine: for what never changes, such as its context and its plan; see ``inspect``.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._pid = os.getpid()
        self._driver = _Driver(engine)
        # A service that nobody holds any more ends by itself, and lets the engine's memory go.
        cut = partial(self._driver.close, -math.inf)
        weakref.finalize(self, self._driver.inbox.put, cut).atexit = False
        self._driver.start()

    def stream(self, request: Request) -> "Stream":
        """Queues a request; its outputs come as an iterator for a thread, ``End`` last.

        Closing the iterator, or losing it, cancels the request. A reader that is slow makes its
        own sequence pause, and no other.

        Raises:
            OssiaError: this is a forked process, in which the engine does not run. All that
                ``Engine.add`` raises, and that the service is closed, comes with the first output.
        """
        return Stream(self, request)

    def astream(self, request: Request) -> "AsyncStream":
        """The same for the event loop that runs here; cancelling the task cancels the request."""
        return AsyncStream(self, request)

    def inspect(self, look: Callable[[Engine], T]) -> Future[T]:
        """What a function finds in the engine between two steps; it must not change anything.

        ``result()`` waits for it in a thread, ``asyncio.wrap_future`` in an event loop.
        """
        found: Future[T] = Future()
        self._call(partial(_look, look, self.engine, found))
        return found

    def close(self, timeout: float = 0.0) -> None:
        """Takes no more requests and returns when the engine has ended; again does nothing.

        Answers under way may go on for ``timeout`` seconds, and are then cut with
        ``Finish.CLOSED``. What was made until then can still be read.
        """
        if os.getpid() == self._pid:
            self._call(partial(self._driver.close, time.monotonic() + timeout))
            self._driver.join()

    async def aclose(self, timeout: float = 0.0) -> None:
        """The same without holding up the event loop, whose readers go on."""
        await asyncio.to_thread(self.close, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, call: Callable[[], None]) -> None:
        """Has the engine's thread make a call.

        Raises:
            OssiaError: this process was forked from the one that has the thread.
        """
        self._check_process()
        self._driver.inbox.put(call)
        if self._driver.is_over:
            self._driver.make_calls()

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise OssiaError(
                "this process was forked after the model was loaded, and the model's engine runs "
                "in the parent alone; load the model in this process"
            )


@dataclass(eq=False)
class _Reader:
    """Where a request's outputs go. The engine's thread writes, one reader takes.

    Attributes:
        loop: whose thread owns the queue; None is any thread.
        num_sent: counted by the engine's thread.
        num_taken: counted by the reader.
        sequence: once the engine took the request.
    """

    request: Request
    loop: asyncio.AbstractEventLoop | None
    queue: "SimpleQueue[_Item] | asyncio.Queue[_Item]"
    num_sent: int = 0
    num_taken: int = 0
    is_paused: bool = False
    sequence: Sequence | None = None

    @property
    def lag(self) -> int:
        """Outputs that were not taken yet."""
        return self.num_sent - self.num_taken


class _Outputs:
    """What both kinds of stream are: a reader, and the duty to cancel what is not read to its end.

    Attributes:
        is_over: nothing comes any more.
    """

    is_over = True

    def __init__(self, service: Service, reader: _Reader) -> None:
        self._service, self._reader = service, reader
        self.is_over = False
        service._call(partial(service._driver.add, reader))

    @property
    def num_cached(self) -> int:
        """Tokens of the prompt that are not computed again, as far as is known."""
        sequence = self._reader.sequence
        return (sequence and sequence.num_cached) or 0

    def _take(self, item: _Item) -> Output:
        """Notes that an output was read, and passes it on."""
        reader = self._reader
        reader.num_taken += 1
        if reader.is_paused and reader.lag <= MAX_LAG // 2:
            self._service._call(partial(self._service._driver.resume, reader))
        if isinstance(item, OssiaError):
            self.is_over = True
            raise item
        self.is_over = isinstance(item, End)
        return item

    def _cancel(self) -> None:
        if not self.is_over:
            driver = self._service._driver
            driver.inbox.put(partial(driver.cancel, self._reader))
            self.is_over = True  # only now: Ctrl-C may come between the two

    def __del__(self) -> None:
        self._cancel()


class Stream(_Outputs, Iterator[Output]):
    """A request's outputs for a thread."""

    def __init__(self, service: Service, request: Request) -> None:
        self._queue: SimpleQueue[_Item] = SimpleQueue()
        super().__init__(service, _Reader(request, None, self._queue))

    def __next__(self) -> Output:
        if self.is_over:
            raise StopIteration
        self._service._check_process()
        try:
            item = self._queue.get()
        except BaseException:  # Ctrl-C
            self._cancel()
            raise
        return self._take(item)

    def close(self) -> None:
        """Cancels the request, unless it has ended."""
        self._cancel()


class AsyncStream(_Outputs, AsyncIterator[Output]):
    """A request's outputs for the event loop in which it was made."""

    def __init__(self, service: Service, request: Request) -> None:
        self._queue: asyncio.Queue[_Item] = asyncio.Queue()
        super().__init__(service, _Reader(request, asyncio.get_running_loop(), self._queue))

    async def __anext__(self) -> Output:
        if self.is_over:
            raise StopAsyncIteration
        self._service._check_process()
        try:
            item = await self._queue.get()
        except BaseException:  # the task was cancelled
            self._cancel()
            raise
        return self._take(item)

    async def aclose(self) -> None:
        """Cancels the request, unless it has ended."""
        self._cancel()


class _Driver:
    """The engine's thread: makes the calls of its inbox, steps, and gives outputs to readers.

    It sleeps while there is nothing to do. All methods but ``start`` and ``join`` are for itself
    alone, through the inbox; after its end for whoever puts a call there.

    Attributes:
        is_over: the thread makes no more calls.
    """

    def __init__(self, engine: Engine) -> None:
        self.inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.is_over = False
        self._engine = engine
        self._thread = threading.Thread(target=self._run, name="ossia-engine", daemon=True)
        self._readers: dict[Sequence, _Reader] = {}
        self._refusal: str | None = None  # why no more requests are taken
        self._cut_at = math.inf  # when answers under way are cut, by the monotonic clock
        self._num_failures = 0  # steps that failed in a row

    def start(self) -> None:
        """Starts the thread, which the process waits for before it ends."""
        _running.add(self)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs, in this process."""
        return self._thread.is_alive()

    def join(self) -> None:
        """Waits for the thread's end."""
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def add(self, reader: _Reader) -> None:
        """Queues a reader's request; a refusal is what he reads."""
        try:
            if self._refusal is not None:
                raise OssiaError(self._refusal)
            reader.sequence = self._engine.add(reader.request)
            self._readers[reader.sequence] = reader
        except Exception as error:
            self._deliver({reader: [_in_words(error)]})

    def cancel(self, reader: _Reader) -> None:
        """Forgets a reader, unless his request has ended."""
        sequence = reader.sequence
        if sequence is not None and self._readers.pop(sequence, None) is not None:
            self._engine.cancel(sequence)

    def resume(self, reader: _Reader) -> None:
        """Goes on with a reader who has caught up."""
        if reader.is_paused and reader.sequence in self._readers:
            reader.is_paused = False
            self._engine.resume(reader.sequence)

    def close(self, cut_at: float) -> None:
        """Takes no more requests, and cuts answers at that moment; the earliest one counts."""
        self._refusal = self._refusal or _CLOSED
        self._cut_at = min(self._cut_at, cut_at)

    def make_calls(self) -> None:
        """Makes the calls that wait."""
        with contextlib.suppress(Empty):
            while True:
                self.inbox.get_nowait()()

    def _run(self) -> None:
        try:
            while self._attend():
                self._step()
        except BaseException:
            _log.exception("the engine's thread failed")
            self._refusal = _broken("its thread failed")
        finally:
            self._refusal = self._refusal or _CLOSED
            self._end_all(Finish.CLOSED)
            with _logged("closing the engine"):
                self._engine.close()
            self.is_over = True
            self.make_calls()
            _running.discard(self)

    def _attend(self) -> bool:
        """Makes calls until a step is to be made; waits for them where none is.

        Returns False when no step is to be made any more.
        """
        while self._refusal is None or (self._readers and time.monotonic() < self._cut_at):
            try:
                call = self.inbox.get_nowait()
            except Empty:
                if self._engine.has_work:
                    return True
                with contextlib.suppress(Empty):  # it is time to look after those who are paused
                    self.inbox.get(timeout=self._patience())()
            else:
                call()
        return False

    def _patience(self) -> float | None:
        """Seconds until answers that are paused are cut, or over their time; None is for ever."""
        moment = min(self._cut_at, self._engine.next_deadline)
        if moment == math.inf:
            return None
        return min(max(0.0, moment - time.monotonic()), threading.TIMEOUT_MAX)

    def _step(self) -> None:
        try:
            made = self._engine.step()
        except Exception as error:
            _log.exception("a step of the engine failed")
            self._fail(_in_words(error))
            return
        self._num_failures = 0
        given: _Given = {}
        for sequence, output in made:
            if (reader := self._readers.get(sequence)) is not None:
                given.setdefault(reader, []).append(output)
                if isinstance(output, End):
                    del self._readers[sequence]
        self._deliver(given)

    def _fail(self, error: OssiaError) -> None:
        """Ends all requests under way; what comes next is taken, unless this happens every time."""
        self._num_failures += 1
        if self._num_failures >= MAX_FAILURES:
            self._refusal = _broken(
                f"{MAX_FAILURES} steps in a row failed, the last because {error}"
            )
        self._end_all(Finish.FAILED, error)

    def _end_all(self, finish: Finish, error: OssiaError | None = None) -> None:
        """Ends what is under way; its readers are told even where the engine cannot forget it."""
        readers, self._readers = self._readers, {}
        for sequence in readers:
            with _logged("cancelling a request"):
                self._engine.cancel(sequence, finish)
        self._deliver(
            {
                reader: [End(finish, sequence.num_cached or 0, error)]
                for sequence, reader in readers.items()
            }
        )

    def _deliver(self, given: _Given) -> None:
        """Gives outputs to their readers; an event loop is woken once for all of its own."""
        batches: dict[asyncio.AbstractEventLoop | None, _Given] = {}
        for reader, items in given.items():
            reader.num_sent += len(items)
            batches.setdefault(reader.loop, {})[reader] = items
        for loop, batch in batches.items():
            if loop is None:
                _hand_over(batch)
                continue
            try:
                loop.call_soon_threadsafe(_hand_over, batch)
            except RuntimeError:  # the event loop is closed: nobody reads there any more
                for reader in batch:
                    self.cancel(reader)
        for reader in given:
            if reader.lag > MAX_LAG and not reader.is_paused:
                self._pause(reader)

    def _pause(self, reader: _Reader) -> None:
        if reader.sequence in self._readers:
            self._engine.pause(reader.sequence)
            reader.is_paused = True
            if reader.lag <= MAX_LAG // 2:  # he caught up just now, and saw no pause to end
                self.resume(reader)


_running: set[_Driver] = set()
"""Those whose thread has not ended."""


def _end_threads() -> None:
    """Ends all engines before the interpreter does: a thread within a kernel would not survive it.

    Whatever else asks the process to end meanwhile, such as one more Ctrl-C, asks for what is being
    done: it is the step under way that is waited for.
    """
    drivers = tuple(_running)
    if not drivers:
        return
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if is_main else None
    for driver in drivers:
        driver.inbox.put(partial(driver.close, -math.inf))
    for driver in drivers:
        while driver.is_alive:
            with contextlib.suppress(BaseException):
                driver.join()
    if before is not None:
        signal.signal(signal.SIGINT, before)


atexit.register(_end_threads)


def _hand_over(batch: _Given) -> None:
    for reader, items in batch.items():
        for item in items:
            reader.queue.put_nowait(item)


def _look(look: Callable[[Engine], T], engine: Engine, found: Future[T]) -> None:
    if found.set_running_or_notify_cancel():
        try:
            found.set_result(look(engine))
        except BaseException as error:
            found.set_exception(error)


def _in_words(error: Exception) -> OssiaError:
    """An error for the user. It holds no frames, and with them no arrays."""
    if isinstance(error, OssiaError):
        return error.with_traceback(None)
    if isinstance(error, MemoryError):
        return ResourceError(
            "the answer needs more memory than is free; load the model with a smaller context"
        )
    return OssiaError(
        f"the engine failed: {type(error).__name__}: {error!s:.120}; the same request may work "
        "again, and the log (logger ossia.engine) tells more"
    )


def _broken(why: str) -> str:
    return f"the engine takes no more requests: {why}; load the model again"


@contextlib.contextmanager
def _logged(doing: str) -> Iterator[None]:
    """Goes on after a failure that no reader can be told any more."""
    try:
        yield
    except Exception:
        _log.exception("%s failed", doing)
