"""A process that serves: socket, log, signals. Knows uvicorn; does not know what is served."""

import logging
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


def serve(app: ASGIApp, host: str, port: int, *, is_verbose: bool) -> None:
    """Serves until it is asked to end; answers under way may then go on for a while.

    Raises:
        InputError: the address cannot be had.
    """
    _log_to_stderr(logging.INFO if is_verbose else logging.WARNING)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=is_verbose,
        server_header=False,
        timeout_graceful_shutdown=int(SHUTDOWN_SECONDS),
        h11_max_incomplete_event_size=64 << 10,
    )
    server = uvicorn.Server(config)
    try:
        socket = config.bind_socket()
    except SystemExit:
        raise InputError(
            f"cannot listen at {host}:{port}: somebody does already, or it is no address of this "
            "machine; choose another with --port"
        ) from None
    server.run(sockets=[socket])


def _log_to_stderr(level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(message)s"))
    for name in ("ossia.server", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
