"""The entry point of the command ``ossia``, ready for signals before anything large is loaded.

Knows how a process is asked to end; knows no verb. What is asked for by Ctrl-C ends with 130, by
SIGTERM or SIGHUP with 128 and the signal's number, and whoever writes files cleans up on the way.
"""

import signal
from types import FrameType

_LATER = 0.02  # seconds until what came while a module was loading is heard again


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


def _end(number: int, frame: FrameType | None) -> None:
    if _is_importing(frame):  # compiled modules swallow whatever is raised while they load
        signal.signal(signal.SIGALRM, lambda _, frame: _end(number, frame))
        signal.setitimer(signal.ITIMER_REAL, _LATER)
        return
    raise SystemExit(128 + number)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
