"""Files from the hub to the disk: connections that share the work, and one thread that checks.

Each connection takes a piece of a file and asks for that range. Where no piece is left, who is idle
takes half of what another still has to do, so that a slow connection holds nobody up. What is there
from a file's start on is hashed while the rest still comes; a file whose hash is wrong is fetched
once more. Knows pieces and threads; does not know folders, locks or names.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from http.client import HTTPException

from ossia.base.errors import NetworkError, OssiaError, ResourceError
from ossia.hub.digest import Digest
from ossia.hub.network import (
    TIMEOUT,
    PassingError,
    Patience,
    RefusedError,
    Response,
    host_of,
    open_url,
)
from ossia.hub.partial import PartialFile
from ossia.hub.repository import Repository, address, explained
from ossia.hub.writing import NO_ROOM

_CONNECTIONS = 8
_PIECE = 64 << 20  # asked for at once
_COUNTED_AT_ONCE = 4 << 20  # or what comes in a tick
_SYNC = 0.25  # seconds between two syncs: about what a kill costs
_LEAST_SPLIT = 4 << 20
_LEAST_PER_TIMEOUT = 64 << 10  # a connection that brings less is made anew
_CHUNK = 1 << 18
_HASHED_AT_ONCE = 1 << 22
_TICK = 0.2
_QUIET = 2.0  # seconds without a byte, after which trouble is told


@dataclass
class Piece:
    """A stretch of a file that one connection fetches; another may take its end away.

    Attributes:
        counted: up to here its file counts its bytes; ``position``: up to here they came.
    """

    part: PartialFile
    counted: int
    position: int
    end: int


@dataclass(frozen=True)
class Progress:
    """How far a pull is.

    Attributes:
        num_done: bytes that came.
        num_checked: bytes whose files were hashed, or are being hashed.
        num_all: bytes of all files.
        note: what is waited for, where something is.
    """

    num_done: int
    num_checked: int
    num_all: int
    note: str | None = None


class Transfer:
    """Fetches and checks the files of one repository. Used once."""

    def __init__(
        self, repository: Repository, parts: Sequence[PartialFile], patience: Patience
    ) -> None:
        self.sha256: dict[str, str] = {}
        self._repository = repository
        self._parts = parts
        self._patience = patience
        self._changed = threading.Condition()  # guards all that follows
        self._flying: list[Piece] = []
        self._places: dict[str, str] = {}
        self._num_checked = 0
        self._not_before = 0.0
        self._last_byte = time.monotonic()
        self._trouble: str | None = None
        self._failure: BaseException | None = None
        self._is_stopped = False
        self._has_ended = threading.Event()

    def run(self) -> Generator[Progress, None, None]:
        """Tells of progress five times a second, until all files are here and right.

        Closed early, it stops; what came stays.

        Raises:
            NetworkError: the hub cannot be reached, or sends what is wrong.
            InputError: the hub does not give a file.
            ResourceError: the disk is full.
        """
        roles = [self._check, self._sync, *[self._connect] * _CONNECTIONS]
        threads = [threading.Thread(target=self._safely, args=(r,), daemon=True) for r in roles]
        for thread in threads:
            thread.start()
        try:
            while not self._has_ended.wait(_TICK):
                yield self._progress()
        finally:
            self._stop()
            deadline = time.monotonic() + 1  # who waits for the network ends with its time-out
            for thread in threads:
                thread.join(max(0, deadline - time.monotonic()))
            with contextlib.suppress(OSError):  # where the folder was removed, or the disk is full
                for part in self._parts:
                    part.sync()
        if self._failure is not None:
            raise self._failure
        yield self._progress()

    def _progress(self) -> Progress:
        with self._changed:
            num_all = sum(part.file.size for part in self._parts)
            num_done = sum(part.num_done for part in self._parts)
            is_quiet = time.monotonic() > self._last_byte + _QUIET and num_done < num_all
            note = self._trouble if is_quiet else None
            return Progress(num_done, self._num_checked, num_all, note)

    def _stop(self) -> None:
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def _safely(self, role: Callable[[], None]) -> None:
        """A thread's whole life: what goes wrong in it ends the transfer."""
        try:
            role()
        except OSError as error:
            self._fail(_disk_error(error))
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or error
        self._stop()
        self._has_ended.set()

    # Connections

    def _connect(self) -> None:
        """Fetches piece after piece."""
        num_failures = 0
        while (piece := self._take()) is not None:
            start = piece.position
            try:
                self._fetch(piece)
                num_failures = 0
            except RefusedError as refusal:
                name, path = self._repository.name, piece.part.file.path
                raise explained(refusal, name, path) from None
            except PassingError as error:
                num_failures = 1 if piece.position > start else num_failures + 1
                self._wait(num_failures, error)
            finally:
                with self._changed:
                    self._flying.remove(piece)
                    self._changed.notify_all()

    def _take(self) -> Piece | None:
        """The next piece to fetch; None at the end."""
        with self._changed:
            while not self._is_stopped:
                pause = self._not_before - time.monotonic()
                piece = (self._next_gap() or self._half_of_another()) if pause <= 0 else None
                if piece is not None:
                    self._flying.append(piece)
                    return piece
                self._changed.wait(max(pause, 0) or None)
        return None

    def _next_gap(self) -> Piece | None:
        for part in self._parts:
            flying = sorted((p.counted, p.end) for p in self._flying if p.part is part)
            if flying and not part.can_seek:
                continue
            for start, end in part.gaps():
                for first, last in flying:
                    if first <= start < last:
                        start = last
                    elif start < first < end:
                        end = first
                if start < end:
                    most = _PIECE if part.can_seek else end - start
                    return Piece(part, start, start, min(end, start + most))
        return None

    def _half_of_another(self) -> Piece | None:
        candidates = [piece for piece in self._flying if piece.part.can_seek]
        longest = max(candidates, key=lambda p: p.end - p.position, default=None)
        if longest is None or longest.end - longest.position < _LEAST_SPLIT:
            return None
        middle, end = (longest.position + longest.end) // 2, longest.end
        longest.end = middle
        return Piece(longest.part, middle, middle, end)

    def _fetch(self, piece: Piece) -> None:
        """One request, and what comes of it."""
        part = piece.part
        start, end = piece.position, piece.end  # the end may be taken away meanwhile
        byte_range = None if (start, end) == (0, part.file.size) else (start, end - 1)
        with self._open(part, byte_range) as response:
            _check_head(response, part, byte_range)
            if byte_range is not None and response.status == 200:
                part.can_seek = False
                _skip(response, start)
            descriptor = part.open()
            try:
                self._receive(response, piece, descriptor)
            finally:
                os.close(descriptor)

    def _open(self, part: PartialFile, byte_range: tuple[int, int] | None) -> Response:
        """From where the hub led to the last time, as long as that is good, else by the hub."""
        path = part.file.path
        if (known := self._places.get(path)) is not None:
            try:
                return open_url(known, byte_range)
            except PassingError as error:
                if not error.is_wrong:
                    raise
        response = open_url(address(self._repository, part.file), byte_range)
        self._places[path] = response.url
        return response

    def _receive(self, response: Response, piece: Piece, descriptor: int) -> None:
        """Writes what comes, each stretch counted once it is."""
        last_count = time.monotonic()
        window, floor = last_count + TIMEOUT, piece.position + _LEAST_PER_TIMEOUT
        try:
            while (left := piece.end - piece.position) > 0 and not self._is_stopped:
                data = _next_bytes(response, min(_CHUNK, left))
                _write(descriptor, data, piece.position)
                piece.position += len(data)
                self._last_byte = now = time.monotonic()
                if now > self._not_before:
                    self._trouble = None
                if piece.position - piece.counted >= _COUNTED_AT_ONCE or now > last_count + _TICK:
                    self._count(piece)
                    last_count = now
                if now > window:
                    if piece.position < floor:
                        raise PassingError(f"{host_of(response.url)} is too slow")
                    window, floor = now + TIMEOUT, piece.position + _LEAST_PER_TIMEOUT
        finally:
            if piece.position > piece.counted:
                self._count(piece)

    def _count(self, piece: Piece) -> None:
        with self._changed:
            piece.part.add(piece.counted, piece.position)
            piece.counted = piece.position
            self._changed.notify_all()

    def _sync(self) -> None:
        """One thread syncs for all connections: a disk has much less to do so."""
        while not self._is_stopped:
            self._has_ended.wait(_SYNC)
            for part in self._parts:
                part.sync()

    def _wait(self, num_failures: int, error: PassingError) -> None:
        """Between two attempts; what the hub asks for holds for all connections."""
        delay = self._patience.delay(num_failures, error)
        until = time.monotonic() + delay
        with self._changed:
            asked = "trying again" if error.wait is None else f"waiting {delay:.0f} s as it asks"
            self._trouble = f"{error}; {asked}"
            if error.wait is not None:
                self._not_before = max(self._not_before, until)
            while not self._is_stopped and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)

    # Checking

    def _check(self) -> None:
        """Hashes every file as it comes."""
        for part in self._parts:
            if not (self._is_right(part) or self._is_right(part, is_last=True)):
                host = host_of(address(self._repository, part.file))
                raise NetworkError(
                    f"{part.file.path}: what {host} sends is not what it lists (hash "
                    f"{part.file.digest:.12} expected); nothing of it was kept. Try again later, "
                    "or another HF_ENDPOINT"
                )
            if self._is_stopped:
                return
        self._has_ended.set()

    def _is_right(self, part: PartialFile, *, is_last: bool = False) -> bool:
        """Hashes one file; if it is wrong, nothing of it stays. True too if all was stopped.

        Args:
            is_last: whether it is not fetched again.
        """
        before, size = self._num_checked, part.file.size
        digest = Digest(part.file.digest, size)
        with part.path.open("rb", buffering=0) as stream:
            done = 0
            while done < size:
                if (frontier := self._next_frontier(part, done)) is None:
                    return True
                data = stream.read(min(_HASHED_AT_ONCE, frontier - done))
                if not data:  # somebody else made it shorter
                    break
                digest.update(data)
                done += len(data)
                with self._changed:
                    self._num_checked = before + done
        if digest.is_right:
            part.finish()
            self.sha256[part.file.path] = digest.sha256
            return True
        with self._changed:
            self._is_stopped |= is_last
            part.discard()
            self._num_checked = before
            self._changed.notify_all()
        return False

    def _next_frontier(self, part: PartialFile, done: int) -> int | None:
        """How far a file is there; waits until that is farther than what is done. None: stopped."""
        with self._changed:
            while part.frontier <= done and not self._is_stopped:
                self._changed.wait()
            return None if self._is_stopped else part.frontier


def _check_head(response: Response, part: PartialFile, byte_range: tuple[int, int] | None) -> None:
    """Whether what comes is a part of the right file, as far as its length tells."""
    size = part.file.size
    if response.status == 206 and byte_range is not None:
        expected = f"bytes {byte_range[0]}-{byte_range[1]}/{size}"
        found = response.headers.get("Content-Range", "no Content-Range")
    else:
        expected = f"{size} bytes"
        found = f"{response.headers.get('Content-Length', size)} bytes"
    if found != expected:
        raise PassingError(
            f"{part.file.path}: {host_of(response.url)} sends {found:.60}, expected {expected}",
            is_wrong=True,
        )


def _next_bytes(response: Response, most: int) -> bytes:
    try:
        data = response.read1(most)
    except TimeoutError:
        raise PassingError(f"{host_of(response.url)} sends nothing any more") from None
    except (OSError, HTTPException, ValueError) as error:
        raise PassingError(f"{host_of(response.url)}: the connection was cut ({error})") from None
    if not data:
        raise PassingError(f"{host_of(response.url)}: the connection was cut")
    return data


def _skip(response: Response, count: int) -> None:
    """Reads what comes before a piece from a server that gives no ranges."""
    while count:
        count -= len(_next_bytes(response, min(_CHUNK, count)))


def _write(descriptor: int, data: bytes, position: int) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, position)
        view, position = view[count:], position + count


def _disk_error(error: OSError) -> OssiaError | OSError:
    if error.errno in NO_ROOM:
        return ResourceError(
            f"no room left on the disk ({error.strerror}); what came is kept: make room, and pull "
            "again to go on"
        )
    return error
