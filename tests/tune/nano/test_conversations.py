import re
from itertools import islice
from random import Random

from ossia.harmony import Effort, System, User
from ossia.tune.nano.arithmetic import Operation, Problem, is_held_out
from ossia.tune.nano.conversations import (
    SHARES,
    Kind,
    draw_conversation,
    draw_conversations,
    held_out_problems,
    pose,
)
from ossia.tune.nano.questions import Language

SAMPLE = list(islice(draw_conversations("test"), 4000))
HANGUL = re.compile("[가-힣ㄱ-ㅎㅏ-ㅣ]")


def test_the_same_seed_draws_the_same_conversations() -> None:
    assert SAMPLE[:50] == list(islice(draw_conversations("test"), 50))
    assert SAMPLE[:50] != list(islice(draw_conversations("other"), 50))


def test_no_held_out_problem_is_ever_taught_nor_worked_on_the_way() -> None:
    held_out = {f"{p.left}+{p.right}" for p in held_out_problems(Operation.SUM, 100)}
    for conversation in SAMPLE:
        turn = conversation.last
        sums = re.findall(r"(?<![\d+*-])\d{2}\+\d{2}(?![\d+])", turn.reasoning)
        assert held_out.isdisjoint(sums)
        for left, sign, right in re.findall(r"^(\d+)([+*-])(\d+)", turn.reasoning):
            assert not is_held_out(Problem(Operation(sign), int(left), int(right)))


def test_different_problems_are_held_out_for_evaluation() -> None:
    for operation, count in zip(Operation, (100, 100, 20), strict=True):
        problems = held_out_problems(operation, count)
        assert len(set(problems)) == count
        assert all(is_held_out(problem) for problem in problems)
    assert len(held_out_problems(Operation.SUM, 10_000)) < 8100


def test_answers_are_in_the_language_of_the_question_and_right() -> None:
    for conversation in SAMPLE:
        turn = conversation.last
        assert conversation.history[-1] == User(turn.question)
        assert bool(HANGUL.search(turn.question)) == bool(HANGUL.search(turn.answer)), turn
        if turn.result is not None:
            assert re.search(rf"= {turn.result}(입니다\.)?$", turn.answer)


def test_every_kind_and_effort_is_drawn_about_as_often_as_said() -> None:
    for kind, share in SHARES.items():
        drawn = sum(conversation.last.kind is kind for conversation in SAMPLE)
        assert 0.7 < drawn / len(SAMPLE) * 100 / share < 1.4, kind
    for effort in Effort:
        assert 0.28 < sum(c.effort is effort for c in SAMPLE) / len(SAMPLE) < 0.39


def test_a_kind_can_be_asked_for() -> None:
    for kind in Kind:
        assert draw_conversation(Random(1), kind).last.kind is kind


def test_pose_asks_for_the_given_problem() -> None:
    problem = Problem(Operation.SUM, 27, 58)
    conversation = pose(problem, Effort.LOW, Language.KOREAN, Random(3))
    assert isinstance(conversation.history[0], System)
    assert conversation.history[0].effort is Effort.LOW
    assert conversation.last.result == 85
