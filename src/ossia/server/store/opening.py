"""The store of this machine's user: where it lies, and how much it keeps, by the environment."""

from collections.abc import Callable
from typing import Any

from ossia.base import settings
from ossia.server.store.database import Limits
from ossia.server.store.store import Store


def open_store(words: Callable[[dict[str, Any]], str]) -> Store:
    """The store in ossia's home; in memory alone where the user keeps nothing.

    Args:
        words: what somebody may look for in an item.

    Raises:
        OssiaError: it cannot be opened.
    """
    days = settings.response_days()
    folder = settings.home() / "responses" if days else None
    limits = Limits(days * 86_400 if days else float("inf"), settings.response_bytes())
    return Store(folder, limits, words)
