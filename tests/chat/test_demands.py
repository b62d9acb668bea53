"""Demands and conversations to harmony's rules."""

import pytest

from ossia.base.errors import InputError
from ossia.chat.demands import Demands, NamedTool, ToolChoice, rules_of
from ossia.harmony import (
    Channel,
    Developer,
    Namespace,
    ResponseFormat,
    System,
    Tool,
    User,
)

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
ASK = (
    System(tools=(Namespace("browser", "", (Tool("open"),)), Namespace("python"))),
    Developer(tools=(Tool("f", "", SCHEMA), Tool("g"))),
    User("hi"),
)


def rules(demands: Demands, messages=ASK):
    return rules_of(messages, demands, lambda schema: schema)


def test_who_may_be_called_stands_in_the_conversation() -> None:
    callees = rules(Demands()).callees
    assert [(c.recipient, c.content_type, c.grammar) for c in callees] == [
        ("browser.open", "code", {"type": "object"}),
        ("python", "code", None),
        ("functions.f", "json", {"type": "object"}),
        ("functions.g", "json", {"type": "object"}),
    ]
    assert callees[0].channels == (Channel.ANALYSIS, Channel.COMMENTARY)
    assert callees[2].channels == (Channel.COMMENTARY,)


@pytest.mark.parametrize(
    ("choice", "recipients", "must_call"),
    [
        (ToolChoice.NONE, [], False),
        (ToolChoice.AUTO, ["browser.open", "python", "functions.f", "functions.g"], False),
        (ToolChoice.REQUIRED, ["browser.open", "python", "functions.f", "functions.g"], True),
        (NamedTool("functions.g"), ["functions.g"], True),
    ],
)
def test_the_choice_of_tools(choice, recipients, must_call) -> None:
    made = rules(Demands(choice))
    assert [callee.recipient for callee in made.callees] == recipients
    assert made.must_call is must_call


def test_a_strict_tool_has_its_own_schema() -> None:
    made = rules(Demands(strict_tools=frozenset({"functions.f"})))
    assert made.callees[2].grammar == SCHEMA


def test_a_response_format_is_the_answers_grammar() -> None:
    formatted = (Developer(response_format=ResponseFormat("x", SCHEMA)), User("hi"))
    assert rules(Demands(), formatted).answer == SCHEMA
    assert rules(Demands()).answer is None


@pytest.mark.parametrize(
    ("demands", "messages", "said"),
    [
        (Demands(ToolChoice.REQUIRED), ASK[2:], "offers no tool"),
        (Demands(NamedTool("functions.h")), ASK, "no tool 'functions.h'"),
        (Demands(strict_tools=frozenset({"functions.h"})), ASK, "no tool 'functions.h'"),
    ],
)
def test_tools_that_nobody_offers_are_refused(demands, messages, said) -> None:
    with pytest.raises(InputError, match=said):
        rules(demands, messages)


@pytest.mark.parametrize(
    "values",
    [
        {"reasoning_limit": -1},
        {"stop": ("a", "")},
        {"stop": "END"},
        {"tool_choice": "none"},
        {"tool_choice": "always"},
    ],
)
def test_values_out_of_range_are_refused(values) -> None:
    with pytest.raises(InputError):
        Demands(**values)
