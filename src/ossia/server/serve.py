"""A process that serves: socket, log, signals. Knows uvicorn; does not know what is served."""

import logging
import socket
import sys

import uvicorn
from starlette.types import ASGIApp

from ossia.base.errors import InputError
from ossia.server.app import SHUTDOWN_SECONDS

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


class _OneLine(logging.Formatter):
    """A record is a line, whatever a client put into it; prompts are in none."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        text = super().format(record)
        return text if record.exc_info else text.translate(_CONTROLS)


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


def serve(app: ASGIApp, listening: socket.socket, *, is_verbose: bool) -> None:
    """Serves until it is asked to end; answers under way may then go on for a while."""
    _log_to_stderr(logging.INFO if is_verbose else logging.WARNING)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=is_verbose,
        server_header=False,
        timeout_graceful_shutdown=int(SHUTDOWN_SECONDS),
        h11_max_incomplete_event_size=64 << 10,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _log_to_stderr(level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(message)s"))
    for name in ("ossia.server", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
