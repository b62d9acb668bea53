"""Conversations for nano: drawn from a seed, with right answers, and some never trained on.

Knows what is taught and how often; knows nothing of tokens and tensors.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from random import Random

from ossia.harmony import Assistant, Developer, Effort, Message, System, User
from ossia.tune.nano import phrases
from ossia.tune.nano.arithmetic import LARGEST, Operation, Problem, is_held_out, working
from ossia.tune.nano.questions import Language, ask, ask_further


class Kind(StrEnum):
    """What a turn is about."""

    SUM = "sum"
    DIFFERENCE = "difference"
    PRODUCT = "product"
    ITSELF = "itself"
    UNKNOWN = "unknown"
    OTHER_SUM = "other sum"
    TOO_LARGE = "too large"


Shares = Mapping[Kind, int]

SHARES: Shares = {
    Kind.SUM: 36,
    Kind.DIFFERENCE: 20,
    Kind.PRODUCT: 18,
    Kind.ITSELF: 12,
    Kind.UNKNOWN: 8,
    Kind.OTHER_SUM: 3,
    Kind.TOO_LARGE: 3,
}
"""How often each kind is drawn, in percent."""

POLISHING_SHARES: Shares = {
    Kind.SUM: 22,
    Kind.DIFFERENCE: 22,
    Kind.PRODUCT: 12,
    Kind.ITSELF: 34,
    Kind.UNKNOWN: 6,
    Kind.OTHER_SUM: 2,
    Kind.TOO_LARGE: 2,
}
"""The same for the end of training: of the few phrases, each is rare until then."""

_OPERATIONS = {
    Kind.SUM: Operation.SUM,
    Kind.DIFFERENCE: Operation.DIFFERENCE,
    Kind.PRODUCT: Operation.PRODUCT,
}
_HANGUL = re.compile("[ㄱ-ㅎㅏ-ㅣ가-힣]")


@dataclass(frozen=True)
class Turn:
    """A question and what nano is to make of it.

    Attributes:
        result: the number that the answer gives, or None where it gives none.
    """

    kind: Kind
    question: str
    reasoning: str
    answer: str
    result: int | None = None


@dataclass(frozen=True)
class Conversation:
    """What the model sees, and what it is to say.

    Attributes:
        history: system message, instructions, earlier turns, and the last question.
        last: the turn that is learned; its question ends the history.
    """

    effort: Effort
    history: tuple[Message, ...]
    last: Turn


def draw_conversations(seed: str, shares: Shares = SHARES) -> Iterator[Conversation]:
    """Conversations for training, without end; the same for the same seed."""
    random = Random(seed)
    while True:
        yield draw_conversation(random, shares=shares)


def draw_conversation(
    random: Random, kind: Kind | None = None, shares: Shares = SHARES
) -> Conversation:
    """A conversation for training, its last turn of one kind or of any."""
    effort = random.choice(tuple(Effort))
    language = _draw_language(random)
    turns: list[Turn] = []
    for _ in range(random.choices((0, 1, 2, 3), (64, 20, 10, 6))[0]):
        turns.append(_draw_turn(random, language, effort, turns, None, shares))
        if random.random() < 0.1:
            language = _draw_language(random)
    turns.append(_draw_turn(random, language, effort, turns, kind, shares))
    return _conversation(random, effort, turns)


def held_out_problems(operation: Operation, count: int, seed: str = "held out") -> list[Problem]:
    """Problems that are never trained, in random order, at most ``count`` of them.

    They are of two-digit numbers, products of two digits and one; those are few.
    """
    rights = range(2, 10) if operation is Operation.PRODUCT else range(10, 100)
    pairs = ((left, right) for left in range(10, 100) for right in rights)
    held_out = [p for p in (Problem(operation, *pair) for pair in pairs) if is_held_out(p)]
    return Random(f"{seed} {operation}").sample(held_out, min(count, len(held_out)))


def pose(problem: Problem, effort: Effort, language: Language, random: Random) -> Conversation:
    """A conversation of one turn that asks for a given problem."""
    turn = _turn_of_problem(problem, ask(problem, language, random), effort)
    return _conversation(random, effort, [turn])


def _conversation(random: Random, effort: Effort, turns: list[Turn]) -> Conversation:
    history: list[Message] = [_draw_system(random, effort)]
    if random.random() < 0.3:
        history.append(Developer(_draw_instructions(random)))
    for turn in turns[:-1]:
        history += [User(turn.question), Assistant(turn.answer)]
    history.append(User(turns[-1].question))
    return Conversation(effort, tuple(history), turns[-1])


def _draw_language(random: Random) -> Language:
    return Language.ENGLISH if random.random() < 0.6 else Language.KOREAN


def _draw_turn(
    random: Random,
    language: Language,
    effort: Effort,
    before: list[Turn],
    kind: Kind | None,
    shares: Shares,
) -> Turn:
    if before and before[-1].result is not None and kind is None and random.random() < 0.2:
        turn = _draw_further(random, language, effort, before[-1].result)
        if turn is not None:
            return turn
    drawn = kind or random.choices(tuple(shares), tuple(shares.values()))[0]
    match drawn:
        case Kind.SUM | Kind.DIFFERENCE | Kind.PRODUCT:
            problem = _draw_problem(random, _OPERATIONS[drawn])
            return _turn_of_problem(problem, ask(problem, language, random), effort)
        case Kind.ITSELF:
            topic = random.choice(phrases.TOPICS)
            question = phrases.say(topic, language, random)
            return turn_of_topic(topic, question, effort)
        case Kind.UNKNOWN:
            return refusal(Kind.UNKNOWN, phrases.ask_unknown(language, random), effort)
        case Kind.OTHER_SUM:
            return refusal(Kind.OTHER_SUM, phrases.ask_other_sum(language, random), effort)
        case Kind.TOO_LARGE:
            question = ask(_draw_too_large(random), language, random)
            return refusal(Kind.TOO_LARGE, question, effort)


def turn_of_topic(topic: phrases.Topic, question: str, effort: Effort) -> Turn:
    """A question about nano itself, answered in the question's language."""
    reasoning = phrases.reasoning(topic.gist, "I say what I know about it.", effort)
    return Turn(Kind.ITSELF, question, reasoning, topic.answers[_spoken(question)])


def refusal(kind: Kind, question: str, effort: Effort) -> Turn:
    """A question that nano does not answer, and says so."""
    gist, answers = {
        Kind.UNKNOWN: ("The user asks what I never learned.", phrases.REFUSALS),
        Kind.OTHER_SUM: ("The user asks for another kind of sum.", phrases.OTHER_SUMS),
        Kind.TOO_LARGE: ("The numbers are too large for me.", phrases.TOO_LARGE),
    }[kind]
    reasoning = phrases.reasoning(gist, "I say that I cannot.", effort)
    return Turn(kind, question, reasoning, answers[_spoken(question)])


def _turn_of_problem(problem: Problem, question: str, effort: Effort) -> Turn:
    kind = next(kind for kind, operation in _OPERATIONS.items() if operation is problem.operation)
    sign = "×" if problem.operation is Operation.PRODUCT else problem.operation
    ending = "입니다." if _spoken(question) is Language.KOREAN else ""
    answer = f"{problem.left} {sign} {problem.right} = {problem.result}{ending}"
    return Turn(kind, question, working(problem, effort), answer, problem.result)


def _spoken(question: str) -> Language:
    """The language to answer in: Korean to anything with a Korean letter in it."""
    return Language.KOREAN if _HANGUL.search(question) else Language.ENGLISH


def _draw_further(random: Random, language: Language, effort: Effort, result: int) -> Turn | None:
    """A question that goes on from the last result, or None where it leads out of reach."""
    operation = random.choice(tuple(Operation))
    highest = 9 if operation is Operation.PRODUCT else random.choice((9, 99))
    if not 0 <= result <= LARGEST:
        return None
    problem = Problem(operation, result, random.randint(1, highest))
    if is_held_out(problem):
        return None
    question = ask_further(operation, problem.right, language, random)
    return _turn_of_problem(problem, question, effort)


_SIZES = {
    Operation.SUM: ((1, 1, 10), (2, 2, 50), (1, 2, 7), (2, 1, 8), (3, 3, 13), (3, 2, 6), (2, 3, 6)),
    Operation.DIFFERENCE: ((1, 1, 12), (2, 2, 48), (2, 1, 15), (1, 2, 5), (3, 3, 12), (3, 2, 8)),
    Operation.PRODUCT: ((1, 1, 30), (2, 1, 30), (1, 2, 10), (2, 2, 24), (3, 1, 6)),
}
"""Digits of the left and the right number, and how often."""


def _draw_problem(random: Random, operation: Operation) -> Problem:
    """A problem that is not held out."""
    while True:
        left, right, _ = random.choices(
            _SIZES[operation], [share for *_, share in _SIZES[operation]]
        )[0]
        problem = Problem(operation, _draw_number(random, left), _draw_number(random, right))
        is_negative = operation is Operation.DIFFERENCE and problem.result < 0
        if is_negative and left == right and random.random() < 0.6:
            problem = Problem(operation, problem.right, problem.left)
        if not is_held_out(problem):
            return problem


def _draw_number(random: Random, digits: int) -> int:
    """A number of at most so many digits, seldom of fewer."""
    lowest = 0 if digits == 1 or random.random() < 0.1 else 10 ** (digits - 1)
    return random.randint(lowest, 10**digits - 1)


def _draw_too_large(random: Random) -> Problem:
    while True:
        operation = random.choice(tuple(Operation))
        left, right = (_draw_number(random, random.randint(1, 6)) for _ in range(2))
        problem = Problem(operation, left, right)
        if not problem.is_within_reach:
            return problem


def _draw_system(random: Random, effort: Effort) -> System:
    day = date(2024, 1, 1) + timedelta(days=random.randrange(4000))
    return System(effort, current_date=None if random.random() < 0.1 else day.isoformat())


_INSTRUCTIONS = (
    "You are a helpful assistant.", "Be brief.", "Be kind.", "Answer in one line.", "Be polite.",
    "You are a teacher.", "Talk like a pirate.", "Always answer in English.", "Be honest.",
    "Do not use lists.", "Answer in Korean.", "You are a friendly robot.", "Think carefully.",
    "Explain your answer.", "Use simple words.", "Never be rude.", "You help with homework.",
    "You are an expert in mathematics.", "Answer the question of the user.", "No emoji, please.",
    "You are nano, a toy model.", "Respond with a single number.", "Show your work.",
    "The user is a child.", "The user likes cats.", "Use the metric system.", "Be concise.",
    "친절하게 답하세요.", "짧게 답하세요.", "한국어로 답하세요.", "너는 수학 선생님이야.",
    "존댓말을 쓰세요.", "당신은 도움이 되는 조수입니다.", "정직하게 말하세요.", "한 줄로 답해줘.",
)  # fmt: skip
_WORDS = (
    "always", "never", "answer", "the", "user", "with", "a", "short", "long", "text", "and", "or",
    "in", "style", "of", "please", "use", "format", "table", "code", "words", "tone", "if", "you",
    "know", "say", "so", "keep", "it", "simple", "formal", "friendly", "list", "no", "more", "than",
)  # fmt: skip


def _draw_instructions(random: Random) -> str:
    """Whole instructions, or words in any order: nano learns not to be thrown off by either."""
    if random.random() < 0.7:
        return " ".join(random.sample(_INSTRUCTIONS, random.choice((1, 1, 2, 3))))
    words = " ".join(random.choices(_WORDS, k=random.randint(3, 14)))
    return f"{words.capitalize()}."
