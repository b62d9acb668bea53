"""How far something is, for whoever watches: on a terminal, or in a notebook's cell."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ossia.base import settings

QUICK = 0.5
"""Seconds within which loading is done before anybody wonders."""


def is_watched() -> bool:
    """Whether somebody sees a line that is written over."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return is_notebook() or (is_terminal and not settings.is_dumb_terminal())


def is_notebook() -> bool:
    """Whether this is a cell of a notebook. Nothing is imported to find out."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def teller(what: str, quick: float = 0.0) -> Callable[[int, int], None]:
    """Gives what is to be told how much is done, of how much; it writes one line over and over.

    Args:
        quick: seconds in which nothing is written.
    """
    begun, shown = time.monotonic(), -1

    def tell(done: int, total: int) -> None:
        nonlocal shown
        share = 100 * done // max(total, 1)
        is_news = share != shown and (shown >= 0 or time.monotonic() - begun >= quick)
        if is_news and is_watched():
            shown = share
            sys.stderr.write(f"\r{what}: {share}%" + ("\n" if done >= total else ""))
            sys.stderr.flush()

    return tell


@contextmanager
def counted(what: str, total: int, is_shown: bool | None) -> Iterator[Callable[[], None]]:
    """Gives what is to be called once for each that is done.

    Args:
        is_shown: None is where somebody watches.
    """
    if not total or not (is_watched() if is_shown is None else is_shown):
        yield lambda: None
    elif is_notebook():  # where rich has no bar without widgets
        yield _counter(what, total)
    else:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        columns = (what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task)


def _counter(what: str, total: int) -> Callable[[], None]:
    tell, done = teller(what), 0

    def count() -> None:
        nonlocal done
        done += 1
        tell(done, total)

    return count
