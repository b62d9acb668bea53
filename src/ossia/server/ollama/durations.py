"""Durations as Ollama's clients write them: ``5m``, ``1h30m``, ``-1``, or a number of seconds."""

import math
import re

from ossia.base.errors import InputError

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)"
_WHOLE = re.compile(rf"([+-]?)((?:{_PART})+)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,12}(?:\.\d{1,9})?", re.ASCII)
_MAX_LENGTH = 64


def seconds_of(duration: float | str) -> float:
    """Seconds; less than 0 is for ever, and is given as infinity.

    Raises:
        InputError: it is no duration.
    """
    seconds = _read(duration) if isinstance(duration, str) else float(duration)
    if math.isnan(seconds):
        raise InputError(
            f"keep_alive is {duration!r:.40}; expected seconds, or a duration such as 5m or 1h30m"
        )
    return math.inf if seconds < 0 else seconds


def _read(text: str) -> float:
    if len(text) <= _MAX_LENGTH and _NUMBER.fullmatch(text):
        return float(text)
    if len(text) <= _MAX_LENGTH and (whole := _WHOLE.fullmatch(text)):
        parts = re.findall(_PART, whole[2])
        total = sum(float(number) * _UNITS[unit] for number, unit in parts)
        return -total if whole[1] == "-" else total
    return math.nan
