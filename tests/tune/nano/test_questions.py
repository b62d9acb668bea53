from random import Random

import pytest

from ossia.tune.nano.arithmetic import Operation, Problem
from ossia.tune.nano.questions import Language, ask, ask_further


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("language", Language)
def test_many_wordings_each_with_both_numbers(operation: Operation, language: Language) -> None:
    random = Random(5)
    asked = {ask(Problem(operation, 347, 268), language, random) for _ in range(400)}
    assert len(asked) > 100
    assert all("347" in question and "268" in question for question in asked)


def test_small_numbers_are_also_spelled() -> None:
    random = Random(6)
    asked = [ask(Problem(Operation.SUM, 7, 12), Language.ENGLISH, random) for _ in range(200)]
    assert any("seven" in question.lower() and "twelve" in question.lower() for question in asked)


@pytest.mark.parametrize(("number", "particle"), [(3, "3을"), (4, "4를"), (10, "10을"), (9, "9를")])
def test_korean_particles_follow_how_the_number_is_read(number: int, particle: str) -> None:
    random = Random(7)
    asked = [ask_further(Operation.SUM, number, Language.KOREAN, random).lower() for _ in range(60)]
    assert any(particle in question for question in asked)
    wrong = f"{number}{'를' if particle.endswith('을') else '을'}"
    assert not any(wrong in question for question in asked)
