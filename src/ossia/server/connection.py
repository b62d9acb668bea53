"""A client's connection, and how long a client is waited for: nobody holds one by being slow.

Knows bytes and time; does not know what is asked. Waits have an end where a request is not sent to
its end, and where an answer is not read; then the connection is cut, and what it held is let go.
"""

import asyncio
import time

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 30.0
"""For a request to arrive, and more for what did arrive: see ``SLOWEST``."""

SLOWEST = 10_000
"""Bytes a second below which nobody sends who means to be served."""

READING_SECONDS = 120.0
"""For an answer to be read further, once all buffers on the way are full."""

_LOOK_SECONDS = 1.0


class PatientConnection(H11Protocol):
    """uvicorn's connection, with an end to its patience."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(transport)
        self._sending_since = self._full_since = time.monotonic()
        self._num_sent = 0  # bytes of the request under way
        self._is_full = False
        self._look = self.loop.call_later(_LOOK_SECONDS, self._lose_patience)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The client says something."""
        if not self._is_sending():  # the first bytes of a request
            self._sending_since, self._num_sent = time.monotonic(), 0
        self._num_sent += len(data)
        super().data_received(data)

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered."""
        self._full_since, self._is_full = time.monotonic(), True
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client has read on."""
        self._is_full = False
        super().resume_writing()

    def _is_sending(self) -> bool:
        """Whether a request has begun, or is the first to come, and is not there yet."""
        if self.cycle is None:
            return True
        if self.cycle.response_complete:
            return bool(self.conn.trailing_data[0])  # the head of the next one, in part
        return self.cycle.more_body

    def _lose_patience(self) -> None:
        now = time.monotonic()
        granted = REQUEST_SECONDS + self._num_sent / SLOWEST
        is_late = self._is_sending() and now > self._sending_since + granted
        if is_late or (self._is_full and now > self._full_since + READING_SECONDS):
            self.transport.abort()
        else:
            self._look = self.loop.call_later(_LOOK_SECONDS, self._lose_patience)
