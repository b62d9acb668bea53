from random import Random

from ossia.harmony import Effort
from ossia.tune.nano import phrases
from ossia.tune.nano.questions import Language


def test_no_saying_belongs_to_two_topics() -> None:
    seen: dict[str, str] = {}
    for topic in phrases.TOPICS:
        for questions in topic.questions.values():
            for question in questions:
                assert seen.setdefault(question, topic.gist) == topic.gist, question


def test_every_topic_is_said_and_answered_in_both_languages() -> None:
    for topic in phrases.TOPICS:
        for language in Language:
            assert len(topic.questions[language]) >= 10
            assert topic.answers[language]
            assert phrases.say(topic, language, Random(1)).strip()


def test_reasoning_grows_with_effort() -> None:
    low, medium, high = (len(phrases.reasoning("Gist.", "Plan.", effort)) for effort in Effort)
    assert low < medium < high


def test_what_nano_does_not_know_can_be_asked_in_many_ways() -> None:
    for language in Language:
        assert len({phrases.ask_unknown(language, Random(i)) for i in range(300)}) > 200
        assert len({phrases.ask_other_sum(language, Random(i)) for i in range(300)}) > 100
