"""The entry point of the command ``ossia``, ready for signals before anything large is loaded.

Knows how a process is asked to end; knows no verb. What is asked for by Ctrl-C ends with 130, by
SIGTERM or SIGHUP with 128 and the signal's number, and whoever writes files cleans up on the way.
"""

import signal
from types import FrameType
from typing import NoReturn


def main() -> None:
    """Run the command; ends the process."""
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays in force
                signal.signal(number, _end)
        from ossia.cli import app

        app.main()
    except KeyboardInterrupt:  # while modules were loading
        raise SystemExit(130) from None


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
