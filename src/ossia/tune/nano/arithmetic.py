"""The sums that nano learns, with their working written out digit by digit.

Knows numbers and the text of their working; knows nothing of who asks, or in which language.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ossia.harmony import Effort

LARGEST = 999
"""The largest number that nano takes."""

_PLACES = ("ones", "tens", "hundreds", "thousands", "ten thousands")
_HELD_OUT_IN = 25  # one pair of numbers in so many is never trained


class Operation(StrEnum):
    """What is asked, spelled as its sign."""

    SUM = "+"
    DIFFERENCE = "-"
    PRODUCT = "*"


@dataclass(frozen=True)
class Problem:
    """Two whole numbers, not negative, and what to do with them."""

    operation: Operation
    left: int
    right: int

    def __str__(self) -> str:
        return f"{self.left}{self.operation}{self.right}"

    @property
    def result(self) -> int:
        """The right answer."""
        match self.operation:
            case Operation.SUM:
                return self.left + self.right
            case Operation.DIFFERENCE:
                return self.left - self.right
            case Operation.PRODUCT:
                return self.left * self.right

    @property
    def is_within_reach(self) -> bool:
        """Whether nano is taught to answer it."""
        larger, smaller = max(self.left, self.right), min(self.left, self.right)
        if self.operation is Operation.PRODUCT:
            return larger <= LARGEST if smaller < 10 else larger < 100
        return larger <= LARGEST


def is_held_out(problem: Problem) -> bool:
    """Whether a problem is kept for evaluation.

    It is when any pair of numbers in its working is, whichever stands first: so no held-out sum
    is ever trained, neither as a question nor as a step of another question's working.
    """
    return any(_is_held_out_pair(pair) for pair in _with_parts(problem))


def _with_parts(problem: Problem) -> Iterator[Problem]:
    """The sums and products of several digits that a working of the problem may hold."""
    left, right = problem.left, problem.right
    if problem.operation is Operation.DIFFERENCE:
        smaller, larger = sorted((left, right))
        yield Problem(Operation.SUM, smaller, larger - smaller)  # the check at the end
        return
    yield problem
    if problem.operation is Operation.PRODUCT and min(left, right) >= 10:
        ones, tens = partial_products(problem)
        yield from (ones, tens, Problem(Operation.SUM, ones.result, tens.result * 10))


def _is_held_out_pair(problem: Problem) -> bool:
    """By a hash that is the same on every machine. Sums of one digit are facts: never held out."""
    smaller, larger = sorted((problem.left, problem.right))
    if larger < 10 or (problem.operation is Operation.SUM and smaller < 10):
        return False
    digest = hashlib.sha256(f"{smaller}{problem.operation}{larger}".encode()).digest()
    return int.from_bytes(digest[:4]) % _HELD_OUT_IN == 0


def partial_products(problem: Problem) -> tuple[Problem, Problem]:
    """A product of two-digit numbers as two: the left number times each digit of the right."""
    tens, ones = divmod(problem.right, 10)
    return (
        Problem(Operation.PRODUCT, problem.left, ones),
        Problem(Operation.PRODUCT, problem.left, tens),
    )


def working(problem: Problem, effort: Effort) -> str:
    """The reasoning that leads to ``problem.result``, longer with more effort."""
    if effort is Effort.LOW:
        return _brief(problem)
    steps = _explained(problem)
    if effort is Effort.MEDIUM:
        return steps
    text = f"The question is {problem}. I go digit by digit, from the right.\n{steps}"
    check = _check(problem)
    return text if check is None else f"{text}\nCheck: {_explained(check)}. Right."


def _check(problem: Problem) -> Problem | None:
    """What to work out to see that the result is right; products have nothing shorter."""
    left, right = problem.left, problem.right
    match problem.operation:
        case Operation.SUM:
            return Problem(Operation.SUM, right, left)
        case Operation.DIFFERENCE if left >= right:
            return Problem(Operation.SUM, right, problem.result)
        case _:
            return None


def _brief(problem: Problem) -> str:
    """One line: ``47+38: 7+8=15, 4+3+1=8. 85``."""
    if (turned := _turned(problem)) is not None:
        return f"{problem}={_as_turned(turned)}: {_brief_steps(turned)}. {problem.result}"
    return f"{problem}: {_brief_steps(problem)}. {problem.result}"


def _brief_steps(problem: Problem) -> str:
    if _is_long(problem):
        ones, tens = partial_products(problem)
        total = Problem(Operation.SUM, ones.result, tens.result * 10)
        parts = (f"{part}: {_brief_steps(part)}, {part.result}" for part in (ones, tens, total))
        return "; ".join(parts)
    return ", ".join(step for step, _ in _columns(problem))


def _explained(problem: Problem) -> str:
    """A line for each digit, with what to write and what to carry or borrow."""
    if (turned := _turned(problem)) is not None:
        steps = _explained(turned)
        return f"{problem}={_as_turned(turned)}\n{steps}\nso {problem}={problem.result}"
    if _is_long(problem):
        ones, tens = partial_products(problem)
        total = Problem(Operation.SUM, ones.result, tens.result * 10)
        parts = "\n".join(_explained(part) for part in (ones, tens, total))
        return f"{problem}\n{parts}"
    lines = [str(problem)]
    for place, (step, note) in zip(_PLACES, _columns(problem), strict=False):
        lines.append(f"{place}: {step}{note}")
    return "\n".join([*lines, f"answer {problem.result}"])


def _turned(problem: Problem) -> Problem | None:
    """The problem with its numbers in the order that the working needs, if it is not in it."""
    left, right = problem.left, problem.right
    is_upside_down = problem.operation is Operation.DIFFERENCE and left < right
    is_short_first = problem.operation is Operation.PRODUCT and left < 10 <= right
    if is_upside_down or is_short_first:
        return Problem(problem.operation, right, left)
    return None


def _as_turned(turned: Problem) -> str:
    return f"-({turned})" if turned.operation is Operation.DIFFERENCE else str(turned)


def _is_long(problem: Problem) -> bool:
    return problem.operation is Operation.PRODUCT and problem.right >= 10


def _columns(problem: Problem) -> list[tuple[str, str]]:
    """The digits' steps from the right: what is worked out, and what is written and kept."""
    match problem.operation:
        case Operation.SUM:
            return _sum_columns(problem)
        case Operation.DIFFERENCE:
            return _difference_columns(problem)
        case Operation.PRODUCT:
            return _product_columns(problem)


def _digit_pairs(left: int, right: int) -> list[tuple[int, int]]:
    """Digits of both numbers from the right, the shorter one filled with zeros."""
    width = max(len(str(left)), len(str(right)))
    return [(left // 10**place % 10, right // 10**place % 10) for place in range(width)]


def _note(total: int, *, is_last: bool) -> str:
    if is_last or total < 10:
        return f", write {total}"
    return f", write {total % 10}, carry {total // 10}"


def _sum_columns(problem: Problem) -> list[tuple[str, str]]:
    pairs = _digit_pairs(problem.left, problem.right)
    columns, carry = [], 0
    for place, (a, b) in enumerate(pairs):
        total = a + b + carry
        terms = f"{a}+{b}+{carry}" if carry else f"{a}+{b}"
        columns.append((f"{terms}={total}", _note(total, is_last=place == len(pairs) - 1)))
        carry = total // 10
    return columns


def _difference_columns(problem: Problem) -> list[tuple[str, str]]:
    """Left is at least right. A digit that is too small has ten added: that ten is borrowed."""
    columns, borrowed = [], 0
    for a, b in _digit_pairs(problem.left, problem.right):
        borrow = int(a - borrowed < b)
        digit = a + 10 * borrow - borrowed - b
        terms = f"{a + 10 * borrow}-{borrowed}-{b}" if borrowed else f"{a + 10 * borrow}-{b}"
        note = f", write {digit}, borrow 1" if borrow else f", write {digit}"
        columns.append((f"{terms}={digit}", note))
        borrowed = borrow
    return columns


def _product_columns(problem: Problem) -> list[tuple[str, str]]:
    """The right number has one digit."""
    digits = [int(digit) for digit in reversed(str(problem.left))]
    columns, carry = [], 0
    for place, digit in enumerate(digits):
        total = digit * problem.right + carry
        step = f"{digit}*{problem.right}={total - carry}"
        step += f"+{carry}={total}" if carry else ""
        columns.append((step, _note(total, is_last=place == len(digits) - 1)))
        carry = total // 10
    return columns
