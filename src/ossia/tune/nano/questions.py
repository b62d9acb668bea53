"""How people ask for a sum: many wordings in English and Korean.

Knows wordings; which problem is asked, and whether it may be, is decided elsewhere.
"""

from collections.abc import Callable
from enum import StrEnum
from random import Random

from ossia.tune.nano.arithmetic import Operation, Problem


class Language(StrEnum):
    """A language that nano is spoken to in."""

    ENGLISH = "en"
    KOREAN = "ko"


_SIGNS = {
    Operation.SUM: ("+", "+", "+", "+", "＋"),
    Operation.DIFFERENCE: ("-", "-", "-", "-", "−", "–"),
    Operation.PRODUCT: ("*", "*", "x", "×", "×", "X"),
}

_PHRASES = {
    Operation.SUM: (
        "{a} plus {b}", "{a} plus {b}", "the sum of {a} and {b}", "{a} added to {b}",
        "{a} and {b} together", "the total of {a} and {b}",
    ),
    Operation.DIFFERENCE: (
        "{a} minus {b}", "{a} minus {b}", "{a} take away {b}", "{a} less {b}",
        "{b} subtracted from {a}", "the difference of {a} and {b}",
    ),
    Operation.PRODUCT: (
        "{a} times {b}", "{a} times {b}", "the product of {a} and {b}", "{a} multiplied by {b}",
    ),
}  # fmt: skip

_ORDERS = {
    Operation.SUM: (
        "add {a} and {b}", "add {a} to {b}", "sum {a} and {b}", "add up {a} and {b}",
    ),
    Operation.DIFFERENCE: (
        "subtract {b} from {a}", "take {b} away from {a}", "take {b} from {a}",
    ),
    Operation.PRODUCT: ("multiply {a} by {b}", "multiply {a} and {b}", "multiply {a} with {b}"),
}  # fmt: skip

_STORIES = {
    Operation.SUM: (
        "I have {a} {things} and get {b} more. How many {things} do I have?",
        "There are {a} red {things} and {b} blue {things}. How many in all?",
        "{name} has {a} {things} and buys {b} more. How many now?",
    ),
    Operation.DIFFERENCE: (
        "I have {a} {things} and give away {b}. How many are left?",
        "There were {a} {things}, and {b} are gone. How many {things} are left?",
        "{name} had {a} {things} and lost {b}. How many now?",
    ),
    Operation.PRODUCT: (
        "There are {a} boxes with {b} {things} each. How many {things} are there?",
        "{a} bags hold {b} {things} each. How many in all?",
    ),
}

_FRAMES = (
    "{e}", "{e}", "{e}?", "{e} =", "{e}=?", "{e} = ?", "what is {e}?", "what is {e}?",
    "what is {e}", "what's {e}?", "whats {e}", "how much is {e}?", "how much is {e}",
    "calculate {e}", "calculate {e}.", "compute {e}", "work out {e}", "solve {e}", "evaluate {e}",
    "tell me {e}", "tell me {e}.", "give me {e}", "find {e}", "what does {e} equal?",
    "what does {e} make?", "do you know what {e} is?", "can you tell me what {e} is?",
    "could you compute {e} for me?", "can you calculate {e}?", "I want to know {e}",
    "I need to know {e}.", "my question is {e}", "the answer to {e}?", "is {e} hard?",
    "Question: {e}", "Q: {e}", "let's do {e}", "now {e}", "and {e}?", "what about {e}?",
    "how about {e}?", "next: {e}",
)  # fmt: skip

_ORDER_FRAMES = (
    "{e}", "{e}.", "please {e}", "{e}, please", "can you {e}?", "could you {e}?", "{e} for me",
    "now {e}", "I want you to {e}", "could you please {e}?", "help me {e}",
)  # fmt: skip

_OPENINGS = ("hi, ", "hello, ", "hey, ", "hi! ", "ok, ", "please, ", "so, ", "nano, ", "well, ")
_CLOSINGS = (" please", ", please", " thanks", ", thank you", " now", ", quickly")

_THINGS = ("apples", "books", "coins", "pens", "cats", "eggs", "stones", "cards", "cups", "stars")
_NAMES = ("Mina", "Tom", "Anna", "Jun", "Sara", "Leo", "Yuna", "Max")

_ENGLISH_NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen", "twenty",
)  # fmt: skip
_KOREAN_NUMBERS = ("영", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구", "십")

_KOREAN_PHRASES = {
    Operation.SUM: ("{a} 더하기 {b}", "{a} 더하기 {b}", "{a} 플러스 {b}", "{a}{와} {b}의 합"),
    Operation.DIFFERENCE: ("{a} 빼기 {b}", "{a} 빼기 {b}", "{a} 마이너스 {b}"),
    Operation.PRODUCT: ("{a} 곱하기 {b}", "{a} 곱하기 {b}", "{a}{와} {b}의 곱"),
}

_KOREAN_WHOLE = {
    Operation.SUM: (
        "{a}에 {b}{을} 더하면?", "{a}에 {b}{을} 더하면 얼마야?", "{a}{와} {b}{을} 더해줘",
        "{a}{와} {b}{을} 더해 주세요", "{a}{와} {b}{을} 더하면 얼마예요?", "{a}하고 {b} 더하면?",
        "사과가 {a}개 있는데 {b}개를 더 받았어. 모두 몇 개야?", "{a}랑 {b} 더하면 뭐야?",
    ),
    Operation.DIFFERENCE: (
        "{a}에서 {b}{을} 빼면?", "{a}에서 {b}{을} 빼면 얼마야?", "{a}에서 {b}{을} 빼줘",
        "{a}에서 {b}{을} 빼 주세요", "{a}에서 {b}{을} 빼면 얼마예요?",
        "사과가 {a}개 있는데 {b}개를 먹었어. 몇 개 남았어?",
    ),
    Operation.PRODUCT: (
        "{a}에 {b}{을} 곱하면?", "{a}에 {b}{을} 곱하면 얼마야?", "{a}{와} {b}{을} 곱해줘",
        "{a}{와} {b}{을} 곱해 주세요", "{a}{와} {b}{을} 곱하면 얼마예요?",
        "상자 {a}개에 공이 {b}개씩 있어. 공은 모두 몇 개야?",
    ),
}  # fmt: skip

_KOREAN_FRAMES = (
    "{e}", "{e}?", "{e}은?", "{e}는?", "{e} =", "{e} = ?", "{e}은 얼마야?", "{e}는 얼마야?",
    "{e}은 얼마인가요?", "{e}는 얼마인가요?", "{e} 얼마야?", "{e} 계산해줘", "{e} 계산해 줘",
    "{e} 계산해 주세요", "{e}을 계산해 주세요", "{e} 답이 뭐야?", "{e} 뭐야?", "{e}는 뭐야?",
    "{e}은 뭐예요?", "{e} 알려줘", "{e} 알려 주세요", "{e} 몇이야?", "{e}의 값은?",
    "{e} 풀어줘", "{e} 답 좀", "문제: {e}", "계산: {e}", "그럼 {e}은?", "그럼 {e}는?",
    "이번에는 {e}", "다음은 {e}", "{e} 해봐", "{e} 부탁해",
)  # fmt: skip

_KOREAN_OPENINGS = ("안녕, ", "안녕하세요, ", "저기, ", "음, ", "자, ", "나노야, ", "혹시 ")

_FOLLOW_UPS: dict[Language, dict[Operation, tuple[str, ...]]] = {
    Language.ENGLISH: {
        Operation.SUM: ("plus {b}", "plus {b}?", "and plus {b}?", "add {b} to that", "now add {b}"),
        Operation.DIFFERENCE: ("minus {b}", "minus {b}?", "and minus {b}?", "now subtract {b}"),
        Operation.PRODUCT: ("times {b}", "times {b}?", "and times {b}?", "multiply that by {b}"),
    },
    Language.KOREAN: {
        Operation.SUM: ("거기에 {b}{을} 더하면?", "거기에 더하기 {b}", "그 답에 {b}{을} 더해줘"),
        Operation.DIFFERENCE: (
            "거기에서 {b}{을} 빼면?",
            "거기서 빼기 {b}",
            "그 답에서 {b}{을} 빼줘",
        ),
        Operation.PRODUCT: (
            "거기에 {b}{을} 곱하면?",
            "거기에 곱하기 {b}",
            "그 답에 {b}{을} 곱해줘",
        ),
    },
}


def ask(problem: Problem, language: Language, random: Random) -> str:
    """A question for a problem, in one of its wordings."""
    draw = random.random()
    if draw < 0.4:
        expression = _with_signs(problem, random)
        if language is Language.ENGLISH:
            return _in_english(random.choice(_FRAMES), expression, random)
        return _in_korean(random.choice(_KOREAN_FRAMES), expression, random)
    if language is Language.KOREAN:
        return _ask_in_korean(problem, draw, random)
    if draw < 0.47:
        thing, name = random.choice(_THINGS), random.choice(_NAMES)
        story = random.choice(_STORIES[problem.operation])
        return story.format(a=problem.left, b=problem.right, things=thing, name=name)
    numbers = _numbers(problem, _ENGLISH_NUMBERS, random)
    wordings, frames = (_PHRASES, _FRAMES) if draw < 0.85 else (_ORDERS, _ORDER_FRAMES)
    return _in_english(random.choice(frames), _fill(wordings, problem, numbers, random), random)


def ask_further(operation: Operation, number: int, language: Language, random: Random) -> str:
    """A question that goes on from the answer before: ``plus 5?``."""
    wording = random.choice(_FOLLOW_UPS[language][operation])
    return _dress(wording.format(b=number, 을=_particle(number, "을", "를")), random)


def _ask_in_korean(problem: Problem, draw: float, random: Random) -> str:
    numbers = _numbers(problem, _KOREAN_NUMBERS, random)
    if draw < 0.7:
        phrase = _fill(_KOREAN_PHRASES, problem, numbers, random)
        return _in_korean(random.choice(_KOREAN_FRAMES), phrase, random)
    numbers = (str(problem.left), str(problem.right))
    return _in_korean("{e}", _fill(_KOREAN_WHOLE, problem, numbers, random), random)


def _fill(
    wordings: dict[Operation, tuple[str, ...]],
    problem: Problem,
    numbers: tuple[str, str],
    random: Random,
) -> str:
    return random.choice(wordings[problem.operation]).format(
        a=numbers[0],
        b=numbers[1],
        와=_particle(problem.left, "과", "와"),
        을=_particle(problem.right, "을", "를"),
    )


def _particle(number: int, after_consonant: str, after_vowel: str) -> str:
    """The particle by how the number's last syllable is read: 이, 사, 오, 구 end in a vowel."""
    return after_vowel if number % 10 in (2, 4, 5, 9) else after_consonant


def _numbers(problem: Problem, words: tuple[str, ...], random: Random) -> tuple[str, str]:
    """Both numbers in digits, or small ones now and then in words."""
    if max(problem.left, problem.right) < len(words) and random.random() < 0.5:
        return words[problem.left], words[problem.right]
    return str(problem.left), str(problem.right)


def _with_signs(problem: Problem, random: Random) -> str:
    sign = random.choice(_SIGNS[problem.operation])
    space = " " if random.random() < 0.5 else ""
    return f"{problem.left}{space}{sign}{space}{problem.right}"


def _in_english(frame: str, expression: str, random: Random) -> str:
    text = frame.format(e=expression)
    if random.random() < 0.12:
        text = random.choice(_OPENINGS) + text
    if random.random() < 0.08:
        text = text.rstrip("?.") + random.choice(_CLOSINGS)
    if random.random() < 0.45:
        text = text[0].upper() + text[1:]
    return _dress(text, random)


def _in_korean(frame: str, expression: str, random: Random) -> str:
    text = frame.format(e=expression)
    if random.random() < 0.12:
        text = random.choice(_KOREAN_OPENINGS) + text
    return _dress(text, random)


_DRESSES: tuple[Callable[[str], str], ...] = (
    str.lower,
    str.upper,
    lambda text: f"{text}\n",
    lambda text: f" {text}",
    lambda text: f"{text} ",
    lambda text: f"{text}!",
    lambda text: f"{text}??",
    lambda text: text.rstrip("?.!"),
)


def _dress(text: str, random: Random) -> str:
    """The small untidiness of what people type."""
    return random.choice(_DRESSES)(text) if random.random() < 0.2 else text
