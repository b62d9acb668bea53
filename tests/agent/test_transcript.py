from datetime import date

import pytest

from ossia.agent import Transcript
from ossia.chat import Settings
from ossia.harmony import Assistant, Channel, Developer, Effort, System, ToolResult, User

ANALYSIS = Assistant("2+2=4", Channel.ANALYSIS)
FINAL = Assistant("4", Channel.FINAL)


def test_the_model_is_shown_system_instructions_what_was_said_and_the_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OSSIA_DATE", "2025-08-05")
    transcript = Transcript(effort=Effort.HIGH, instructions="Be brief.")
    transcript = transcript.answered("2+2?", [ANALYSIS, FINAL])
    assert transcript.asking("And 3?") == (
        System(Effort.HIGH, "2025-08-05"),
        Developer("Be brief."),
        User("2+2?"),
        Assistant("2+2=4", Channel.ANALYSIS),
        Assistant("4", Channel.FINAL),
        User("And 3?"),
    )


def test_the_date_is_today_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OSSIA_DATE", raising=False)
    days = {date.today().isoformat()}
    system = Transcript().asking("hi")[0]
    days.add(date.today().isoformat())  # midnight may have passed
    assert isinstance(system, System)
    assert system.current_date in days


def test_calls_of_tools_and_their_results_stay() -> None:
    call = Assistant("2+2", Channel.ANALYSIS, "python", "code")
    result = ToolResult("python", "4", Channel.ANALYSIS)
    assert Transcript().answered("q", [call, result, FINAL]).messages == (
        User("q"),
        call,
        result,
        FINAL,
    )


def test_a_stopped_answer_keeps_what_was_seen_or_nothing_at_all() -> None:
    before = Transcript().answered("a", [FINAL])
    assert before.stopped("b", "Well") == before.answered("b", [Assistant("Well")])
    assert before.stopped("b", "") == before


def test_cleared_keeps_how_answers_are_made() -> None:
    transcript = Transcript((User("a"),), Effort.LOW, "x", Settings(seed=3))
    assert transcript.cleared() == Transcript((), Effort.LOW, "x", Settings(seed=3))
