"""What was printed: as much of its start and its end as anybody will read."""


class Printed:
    """Takes any number of bytes, keeps half of ``most`` at each end."""

    def __init__(self, most: int) -> None:
        self._most = most // 2
        self._start = bytearray()
        self._end = bytearray()
        self._num_left_out = 0

    def add(self, piece: bytes) -> None:
        """The next bytes."""
        room = self._most - len(self._start)
        self._start += piece[:room]
        self._end += piece[room:]
        if (excess := len(self._end) - self._most) > 0:
            del self._end[:excess]
            self._num_left_out += excess

    def take(self) -> str:
        """All that is kept as text, and what is left out as a line; begins anew."""
        start, end = (part.decode("utf-8", "replace") for part in (self._start, self._end))
        note = f"\n[{self._num_left_out:,} bytes are left out]\n" if self._num_left_out else ""
        self.__init__(2 * self._most)  # type: ignore[misc]
        return start + note + end


def shortened(text: str, most: int) -> str:
    """A text, or the start and the end of a long one."""
    if len(text) <= most + 100:  # it may say already that something is left out
        return text
    half = most // 2
    return f"{text[:half]}\n[{len(text) - 2 * half:,} characters are left out]\n{text[-half:]}"
