"""Responses that are made whoever reads: left, taken up again, cancelled, deleted."""

from contextlib import suppress
from typing import Any

import httpx
import openai
import pytest
from tests.server.response_streams import check_beginning, check_events
from tests.server.responses.asking import (
    LONG,
    PATH,
    SUM,
    await_silence,
    endless,
    events_of,
    settled,
)
from tests.server.watched import events_in


def test_in_the_background(client, ask) -> None:
    begun = ask(background=True)
    assert begun.status == "queued"
    done = settled(client, begun.id)
    assert (done.status, done.output_text) == ("completed", "27 + 58 = 85")
    assert done.background
    assert client.responses.cancel(begun.id).to_dict() == done.to_dict()
    assert ask(previous_response_id=begun.id, input="Hi").output_text


def test_a_stream_in_the_background_can_be_left_and_taken_up(address, client) -> None:
    asked = {"model": "nano", "input": SUM, "background": True, "temperature": 0}
    left = []
    with client.responses.create(**asked, stream=True) as events:
        for event in events:
            left.append(event.to_dict())
            if len(left) == 5:
                break
    response_id = left[0]["response"]["id"]
    url = f"{address}{PATH}/{response_id}"
    rest = events_of("GET", url, params={"stream": "true", "starting_after": 4})
    whole = events_of("GET", url, params={"stream": "true"})
    check_events(whole)
    assert rest == whole[5:]
    assert [event["type"] for event in left] == [event["type"] for event in whole[:5]]
    with client.responses.retrieve(response_id, stream=True, starting_after=4) as events:
        assert [event.sequence_number for event in events] == list(range(5, len(whole)))
    with client.responses.stream(response_id=response_id) as events:
        assert events.get_final_response().output_text == "27 + 58 = 85"


def test_a_reload_in_the_middle_of_an_answer(client, address) -> None:
    """As a web page does it: what it has is remembered by its last number, and it asks for more."""
    seen = read(address, "POST", PATH, 40, json=endless() | {"background": True, "stream": True})
    where = f"{PATH}/{seen[0]['response']['id']}"
    for _ in range(3):
        after = seen[-1]["sequence_number"]
        seen += read(address, "GET", where, 40, params={"stream": "true", "starting_after": after})
    items = check_beginning(seen)
    assert items.open is not None, "it is in the middle still"
    assert read(address, "GET", where, 160, params={"stream": "true"}) == seen
    found = client.responses.retrieve(seen[0]["response"]["id"])
    assert found.status == "in_progress"
    assert found.output[-1].id == items.open["id"]
    ahead = {"stream": "true", "starting_after": seen[-1]["sequence_number"] + 100}
    [later] = read(address, "GET", where, 1, params=ahead)
    assert later["sequence_number"] == ahead["starting_after"] + 1, "it was waited for"
    client.responses.cancel(found.id)
    whole = events_of("GET", f"{address}{where}", params={"stream": "true"})
    assert whole[: len(seen)] == seen


def read(address: str, method: str, path: str, most: int, **asked: Any) -> list[dict[str, Any]]:
    """The first events of a stream, which is left then."""
    text = ""
    with httpx.stream(method, f"{address}{path}", timeout=60, **asked) as answer:
        for piece in answer.iter_text():
            text += piece
            if len(events := events_in(text)) >= most:
                return events[:most]
    raise AssertionError(f"only {len(events_in(text))} events came")


def test_what_runs_in_the_background_can_be_cancelled(client, address) -> None:
    begun = client.responses.create(**endless(), background=True)
    url = f"{address}{PATH}/{begun.id}"
    with pytest.raises(openai.BadRequestError, match="not complete"):
        client.responses.create(model="nano", input="Hi", previous_response_id=begun.id)
    with httpx.stream("GET", url, params={"stream": "true"}) as answer:
        lines = answer.iter_lines()
        for line in lines:
            if '"response.output_text.delta"' in line:
                break
        cancelled = client.responses.cancel(begun.id)
        assert '"status":"cancelled"' in [line for line in lines if line][-1]
    assert cancelled.status == "cancelled"
    assert cancelled.output[-1].status == "incomplete"
    assert client.responses.cancel(begun.id).to_dict() == cancelled.to_dict()
    check_events(events_of("GET", url, params={"stream": "true"}))


def test_what_is_deleted_is_no_longer_made(client, address) -> None:
    begun = client.responses.create(**endless(), background=True)
    client.responses.delete(begun.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(begun.id)
    await_silence(address)


def test_only_what_runs_in_the_background_can_be_cancelled(client, ask) -> None:
    with pytest.raises(openai.BadRequestError, match="background"):
        client.responses.cancel(ask().id)


def test_a_failure_in_the_background_is_told(client, ask) -> None:
    with pytest.raises(openai.NotFoundError):
        ask(model="gpt-17", background=True)
    failed = settled(client, ask(input=LONG, background=True).id)
    assert failed.status == "failed"
    assert failed.error.code == "invalid_prompt"
    assert "tokens" in failed.error.message


def test_who_goes_away_leaves_nothing_behind(address, client) -> None:
    for _ in range(4):
        with suppress(httpx.TimeoutException):
            httpx.post(f"{address}{PATH}", json=endless(), timeout=0.3)
        [begun] = read(address, "POST", PATH, 1, json=endless() | {"stream": True})
    await_silence(address)
    assert settled(client, begun["response"]["id"]).status == "cancelled"
