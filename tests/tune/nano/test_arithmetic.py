import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ossia.harmony import Effort
from ossia.tune.nano.arithmetic import Operation, Problem, is_held_out, working

problems = st.builds(
    Problem, st.sampled_from(Operation), st.integers(0, 999), st.integers(0, 999)
).filter(lambda problem: problem.is_within_reach)


@given(problems, st.sampled_from(Effort))
def test_a_working_ends_with_the_result_and_every_equation_in_it_holds(
    problem: Problem, effort: Effort
) -> None:
    text = working(problem, effort)
    assert re.search(rf"(?<!\d){re.escape(str(problem.result))}(?!\d)", text)
    # Such as 7+8=15, or 4*8=32+5=37: both sides of each sign of equality come to the same.
    for line in re.findall(r"[\d+*=-]+=[\d+*=()-]+", text):
        parts = line.split("=")
        if "" not in parts and "(" not in line:
            for left, right in pairwise(parts):
                product = left if "*" in left else None
                total = right.split("+")[0] if product else right
                assert eval(left) == eval(total), (line, text)


@given(problems)
def test_more_effort_gives_no_shorter_working(problem: Problem) -> None:
    low, medium, high = (len(working(problem, effort)) for effort in Effort)
    assert low < medium < high


@given(st.integers(10, 99), st.integers(10, 99))
def test_who_stands_first_does_not_decide_what_is_held_out(left: int, right: int) -> None:
    one, other = Problem(Operation.SUM, left, right), Problem(Operation.SUM, right, left)
    assert is_held_out(one) == is_held_out(other)


def test_a_few_sums_in_a_hundred_are_held_out() -> None:
    pairs = [(a, b) for a in range(10, 100) for b in range(10, 100)]
    held_out = sum(is_held_out(Problem(Operation.SUM, a, b)) for a, b in pairs)
    assert 0.02 < held_out / len(pairs) < 0.06
