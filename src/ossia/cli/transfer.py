"""A model on its way from the hub, shown to a person or a program.

Knows the ways to show it; does not know how it is fetched. What a program asks for goes to standard
output, what a person sees meanwhile to standard error.
"""

import json
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as RichBar

from ossia.base import settings
from ossia.cli.facts import counted, size
from ossia.cli.terminal import notices, output, printable
from ossia.hub.network import host_of
from ossia.hub.remote import RemoteModel
from ossia.hub.transfer import Progress


def usual_way() -> "Way":
    """What fits where standard error goes."""
    return Bar() if notices().can_move else Lines()


class Way(Protocol):
    """How progress is shown."""

    def begin(self, model: RemoteModel) -> None:
        """What comes."""

    def show(self, progress: Progress) -> None:
        """How far it is."""

    def close(self) -> None:
        """No more progress comes; may be said twice."""

    def tell(self, text: str) -> None:
        """Something for a person."""

    def end(self, facts: dict[str, Any], text: str) -> None:
        """It is here: for a program, for a person."""

    def fail(self, message: str) -> None:
        """It did not come; the person is told elsewhere."""


@dataclass
class _Pace:
    """How fast bytes came in the last seconds."""

    moments: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=50))

    def rate(self, num_done: int) -> float | None:
        """Bytes a second; None as long as it cannot be told."""
        now = time.monotonic()
        self.moments.append((now, num_done))
        then, before = self.moments[0]
        return (num_done - before) / (now - then) if now - then > 1 else None


class _Person:
    """What all ways for persons share."""

    def begin(self, model: RemoteModel) -> None:
        """Tell what comes."""
        host = host_of(settings.hugging_face_endpoint())
        licence = f", licence {model.licence}" if model.licence else ""
        self.tell(
            f"pulling {model.name}: {size(model.size)} in {counted(len(model.files), 'file')} "
            f"from {host}{licence}"
        )

    def close(self) -> None:
        """Take away what was only for the moment."""

    def tell(self, text: str) -> None:
        """Say something to a person."""
        notices().say(printable(text))

    def end(self, facts: dict[str, Any], text: str) -> None:  # noqa: ARG002 - a person's
        """Say that it is here."""
        output().say(printable(text))

    def fail(self, message: str) -> None:
        """Say that it did not come, to a program."""


class Lines(_Person):
    """Where lines cannot be written over: a line for every twentieth, and for every change."""

    def __init__(self) -> None:
        self._pace = _Pace()
        self._last: tuple[int, str] | None = None

    def show(self, progress: Progress) -> None:
        """Tell how far it is."""
        rate = self._pace.rate(progress.num_done)
        doing = _doing(progress)
        state = (20 * _reached(progress) // max(1, progress.num_all), doing)
        if state == self._last:
            return
        self._last = state
        share = 100 * _reached(progress) // max(1, progress.num_all)
        speed = f", {size(rate)}/s" if rate and doing == "" else ""
        left = _seconds_left(progress, rate)
        time_left = f", {duration(left)} left" if left is not None else ""
        of = f"{size(_reached(progress))} of {size(progress.num_all)} ({share}%)"
        self.tell(f"{doing + ': ' if doing else ''}{of}{speed}{time_left}")


class Bar(_Person):
    """A bar with rate and time left, on a terminal."""

    def __init__(self) -> None:
        self._bar: Any = None

    def show(self, progress: Progress) -> None:
        """Tell how far it is."""
        if self._bar is None:
            self._open(progress)
        self._bar.update(
            self._bar.tasks[0].id,
            completed=_reached(progress),
            description=printable(_doing(progress)),
        )

    def close(self) -> None:
        """Take away what was only for the moment."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _open(self, progress: Progress) -> None:
        columns = (
            *(TextColumn("{task.description}", markup=False), BarColumn(bar_width=None)),
            *(DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()),
        )
        self._bar = RichBar(*columns, console=Console(stderr=True), transient=True)
        self._bar.add_task("", total=progress.num_all, completed=_reached(progress))
        self._bar.start()


class Json:
    """A line of JSON each: started, progress, then done or failed."""

    def __init__(self) -> None:
        self._pace = _Pace()

    def begin(self, model: RemoteModel) -> None:
        """Tell what comes."""
        self._write(
            "started",
            name=str(model.name),
            revision=model.revision,
            licence=model.licence,
            bytes=model.size,
            files=[asdict(file) for file in model.files],
        )

    def show(self, progress: Progress) -> None:
        """Tell how far it is."""
        rate = self._pace.rate(progress.num_done)
        left = _seconds_left(progress, rate)
        self._write(
            "progress",
            done=progress.num_done,
            checked=progress.num_checked,
            bytes=progress.num_all,
            bytes_per_second=rate and round(rate),
            seconds_left=left and round(left, 1),
            note=progress.note,
        )

    def close(self) -> None:
        """Take away what was only for the moment."""

    def tell(self, text: str) -> None:
        """Say something to a person."""
        notices().say(printable(text))

    def end(self, facts: dict[str, Any], text: str) -> None:  # noqa: ARG002 - a program's
        """Say that it is here."""
        self._write("done", **facts)

    def fail(self, message: str) -> None:
        """Say that it did not come, to a program."""
        self._write("failed", message=message)

    def _write(self, kind: str, **fields: object) -> None:
        output().write(json.dumps({"type": kind, **fields}) + "\n")


def _doing(progress: Progress) -> str:
    """What goes on, where it is anything else than downloading."""
    if progress.note is not None:
        return progress.note
    is_here = progress.num_done == progress.num_all
    return "checking" if is_here and progress.num_checked < progress.num_all else ""


def _reached(progress: Progress) -> int:
    """Bytes of what goes on: downloaded, or in the end checked."""
    is_here = progress.num_done == progress.num_all
    return progress.num_checked if is_here else progress.num_done


def _seconds_left(progress: Progress, rate: float | None) -> float | None:
    return (progress.num_all - progress.num_done) / rate if rate else None


def duration(seconds: float) -> str:
    """Seconds for a reader, in the largest unit that has two of them."""
    for length, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return (
                f"{seconds / length:.1f} {unit}" if unit == "h" else f"{seconds / length:.0f} min"
            )
    return f"{seconds:.0f} s"
