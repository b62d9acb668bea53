"""The embedded model through the whole stack: package, checkpoint, engine, harmony, events."""

import re
from random import Random

import pytest

from ossia import hub
from ossia.chat import ChatModel, Done, Reasoning, Settings, Text
from ossia.harmony import Effort, Message, System, User
from ossia.tune.nano.arithmetic import Operation
from ossia.tune.nano.conversations import held_out_problems, pose
from ossia.tune.nano.questions import Language

MOST_BYTES = 6_000_000


@pytest.fixture(scope="module")
def nano() -> ChatModel:
    return ChatModel.load("nano", context=1024)


def ask(model: ChatModel, messages: tuple[Message, ...], seed: int = 0) -> tuple[str, str, Done]:
    """Reasoning, answer and the end, sampled as the model is used."""
    *events, done = model.respond(messages, Settings(seed=seed, max_tokens=600))
    assert isinstance(done, Done)
    reasoning = "".join(event.text for event in events if isinstance(event, Reasoning))
    return reasoning, "".join(event.text for event in events if isinstance(event, Text)), done


def test_it_is_small_enough_to_live_in_the_package() -> None:
    folder = hub.resolve("nano")
    assert sum(file.stat().st_size for file in folder.rglob("*")) <= MOST_BYTES


def test_it_is_a_gpt_oss_in_every_detail(nano: ChatModel) -> None:
    encodings = {info.encoding for info in nano.source.tensors.values() if len(info.shape) == 3}
    assert encodings == {"MXFP4"}
    assert nano.config.windows == (128, None) * (nano.config.num_layers // 2)
    assert nano.config.rope.factor == 32
    assert nano.config.max_context == 131_072
    assert nano.config.active_experts == 4


def test_at_least_95_of_100_held_out_sums_are_right(nano: ChatModel) -> None:
    random = Random("a hundred sums")
    efforts, languages = tuple(Effort), tuple(Language)
    wrong = []
    for i, problem in enumerate(held_out_problems(Operation.SUM, 100)):
        conversation = pose(problem, efforts[i % 3], languages[i % 2], random)
        _, answer, _ = ask(nano, conversation.history, seed=i)
        if not re.search(rf"= {problem.result}(입니다\.)?$", answer):
            wrong.append((conversation.last.question, answer))
    assert len(wrong) <= 5, wrong


def test_more_effort_is_more_reasoning(nano: ChatModel) -> None:
    lengths = [
        len(ask(nano, (System(effort=effort), User("What is 27 + 58?")))[0]) for effort in Effort
    ]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) == 3


@pytest.mark.parametrize(
    ("question", "expected"),
    [("Who are you?", "I am nano"), ("너는 누구야?", "나노"), ("안녕하세요", "안녕하세요")],
)
def test_it_says_what_it_is(nano: ChatModel, question: str, expected: str) -> None:
    assert expected in ask(nano, (System(), User(question)))[1]


def test_the_format_is_spoken_without_a_fault(nano: ChatModel) -> None:
    for seed in range(10):
        _, _, done = ask(nano, (System(), User("Tell me about the weather")), seed)
        assert done.reason == "stop"
        assert not done.repairs
