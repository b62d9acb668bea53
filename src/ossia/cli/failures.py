"""What a user sees when something fails: one or two lines and an exit code, never a traceback.

1 an error of ossia's, or an answer that could not be made    2 what the user gave is no good
70 a bug in ossia    130 stopped by Ctrl-C    141 whoever read the output left
"""

import contextlib
import functools
import logging
import os
import sys
import traceback
from collections.abc import Callable
from typing import ParamSpec

from ossia.base import settings
from ossia.base.errors import OssiaError, ResourceError
from ossia.cli.terminal import notices, printable

P = ParamSpec("P")

INTERRUPTED, READER_LEFT, BUG = 130, 141, 70


def reported(verb: Callable[P, object]) -> Callable[P, None]:
    """The same verb, whose failures end the process in the way described above."""

    @functools.wraps(verb)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            _open_streams()
            _show_warnings()
            verb(*args, **kwargs)
            sys.stdout.flush()
        except BaseException as error:
            raise SystemExit(_report(error)) from None

    return guarded


def complain(message: str) -> None:
    """Tell the user of an error on standard error, if anybody can read it there."""
    with contextlib.suppress(OSError, ValueError):
        notices().say(f"ossia: {printable(message)}")


class _Notices(logging.Handler):
    """Shows what the rooms below warn of, in a line; how a failure came about is for debugging."""

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the user of one record."""
        if not record.exc_info:
            complain(f"warning: {record.getMessage()}")
        elif settings.is_debug():
            traceback.print_exception(record.exc_info[1])


def _show_warnings() -> None:
    """Has warnings shown, once."""
    logger = logging.getLogger("ossia")
    if not any(isinstance(handler, _Notices) for handler in logger.handlers):
        logger.addHandler(_Notices(logging.WARNING))


def _report(error: BaseException) -> int | str | None:
    """Tell about an error; the exit code that it calls for."""
    if isinstance(error, SystemExit):
        return error.code
    if settings.is_debug() and not isinstance(error, BrokenPipeError):
        traceback.print_exception(error)
    match error:
        case OssiaError():
            complain(str(error))
            return error.exit_code
        case KeyboardInterrupt():
            return _dropping_output(INTERRUPTED)
        case BrokenPipeError():
            return _dropping_output(READER_LEFT)
        case MemoryError():
            complain("out of memory; close other programs, or ask for a shorter --context")
            return ResourceError.exit_code
        case OSError():
            name = f": {error.filename}" if error.filename else ""
            complain(f"{error.strerror or error}{name}")
            return _dropping_output(OssiaError.exit_code)
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    complain(f"met a bug: {what:.200}; set OSSIA_DEBUG=1 to see it whole")
    return _dropping_output(BUG)


def _open_streams() -> None:
    """Streams that take any text: closed ones lead nowhere, unwritable characters become ``?``."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            # The lowest free descriptor may be 1 or 2, which a file must not get by accident.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif stream.fileno() == number:
            stream.reconfigure(errors="replace")


def _dropping_output(code: int) -> int:
    """Forget what could not be written, or Python would complain about it at the very end."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
