"""How much code that a model wrote may use. Knows figures; not how they are kept to."""

from dataclasses import dataclass

from ossia.base.errors import InputError

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one conversation's code may use.

    Attributes:
        seconds: of the clock, for one call.
        memory: bytes that all its processes hold together, and that one may map.
        processors: how many cores it runs on, at the lowest priority.
        processes: processes and threads together.
        disk: bytes in its folder; ``/tmp`` and ``/dev/shm`` hold a quarter of that each.
        files: how many files, folders and links it may have.
        output: characters of what a call prints, and of what it shows, that the model reads: start
            and end of more.

    Raises:
        InputError: a figure with which no Python could start.
    """

    seconds: float = 120.0
    memory: int = 2048 * MIB
    processors: int = 2
    processes: int = 64
    disk: int = 256 * MIB
    files: int = 10_000
    output: int = 20_000

    def __post_init__(self) -> None:
        least = {
            "seconds": 0.1,
            "memory": 128 * MIB,
            "processors": 1,
            "processes": 4,
            "disk": MIB,
            "files": 16,
            "output": 1000,
        }
        for name, figure in least.items():
            if not getattr(self, name) >= figure:
                raise InputError(
                    f"python's limit {name} is {getattr(self, name)}; expected at least {figure}"
                )
