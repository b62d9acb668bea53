"""A process that serves: socket, log, signals. Knows uvicorn; does not know what is served."""

import logging
import socket
import sys
import traceback
from types import FrameType, TracebackType

import uvicorn
from starlette.applications import Starlette

from ossia.base import settings
from ossia.base.errors import InputError
from ossia.server.app import SHUTDOWN_SECONDS, failure_of
from ossia.server.connection import PatientConnection

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


class _OneLine(logging.Formatter):
    """A record is a line, whatever a client put into it; prompts are in none.

    How a failure came about follows in lines that begin with a space. What the exception says is
    left out, for that may be a client's words; OSSIA_DEBUG has it.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line."""
        return super().formatMessage(record).translate(_CONTROLS)

    def formatException(  # noqa: N802 - logging's name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """The lines after it."""
        if settings.is_debug() or ei[1] is None:
            told = super().formatException(ei)
        else:
            frames = traceback.format_list(traceback.extract_tb(ei[2]))
            told = "".join((*frames, type(ei[1]).__qualname__))
        return "\n".join(f"  {line.translate(_CONTROLS)}" for line in told.split("\n"))


class _Server(uvicorn.Server):
    """uvicorn's server, which a second signal of any kind ends at once."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal asks for the end."""
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Whether to end, asked some times a second."""
        is_over = await super().on_tick(counter)
        return is_over or failure_of(self.config.loaded_app) is not None


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any that is free.

    Raises:
        InputError: the address cannot be had.
    """
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Of a socket that does not say it is TCP, asyncio leaves Nagle's algorithm on: 40 ms a request.
    listening = socket.socket(kind, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)  # who comes before the models are there waits for them
    except (OSError, OverflowError) as error:
        listening.close()
        raise InputError(
            f"cannot listen at {host} port {port}: {getattr(error, 'strerror', None) or error}; "
            "choose another with --port"
        ) from None
    return listening


def serve(app: Starlette, listening: socket.socket, *, is_verbose: bool) -> None:
    """Serves until it is asked to end; answers under way may then go on for a while.

    Raises:
        OssiaError: a model that was to be there from the beginning cannot be loaded.
    """
    _log_to_stderr(is_verbose=is_verbose)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=is_verbose,
        server_header=False,
        proxy_headers=False,
        http=PatientConnection,
        ws="none",
        timeout_graceful_shutdown=int(SHUTDOWN_SECONDS),
        h11_max_incomplete_event_size=64 << 10,
    )
    _Server(config).run(sockets=[listening])
    if (failure := failure_of(app)) is not None:
        raise failure


def _log_to_stderr(*, is_verbose: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(message)s"))
    for name, is_told in (("ossia", True), ("uvicorn", is_verbose)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO if is_told else logging.WARNING)
