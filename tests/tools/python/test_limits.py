import pytest

from ossia.base.errors import InputError
from ossia.tools.python import Limits

from .notebook import text


@pytest.mark.parametrize(
    "name", ["seconds", "memory", "processors", "processes", "disk", "files", "output"]
)
def test_limits_under_which_nothing_could_start_are_refused(name: str) -> None:
    for figure in (0, -1, float("nan")):
        with pytest.raises(InputError, match=name):
            Limits(**{name: figure})  # type: ignore[arg-type]


def test_processors_and_priority_are_kept_to() -> None:
    assert (
        text("import os; len(os.sched_getaffinity(0)), os.nice(0)", limits=Limits(processors=1))
        == "(1, 19)"
    )
