"""What a check is, how far it is, and what came of it."""

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "FAILED"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Check:
    """One check that was made.

    Attributes:
        name: what was checked, in a few words.
        figure: what was found, beside what was expected; or why the check was not run.
    """

    name: str
    outcome: Outcome
    figure: str


@dataclass(frozen=True)
class Progress:
    """A check under way: ``num_done`` of ``num_all`` of a unit.

    Attributes:
        unit: ``bytes`` or ``tokens``.
        seconds: since it began.
    """

    name: str
    num_done: int
    num_all: int
    unit: str
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """At the same speed; None while nothing is done."""
        if not self.num_done:
            return None
        return self.seconds * (self.num_all - self.num_done) / self.num_done


Checking = Generator[Progress, None, Check]


def passed_if(is_right: bool) -> Outcome:
    """The outcome of a check that was run to its end."""
    return Outcome.PASSED if is_right else Outcome.FAILED
