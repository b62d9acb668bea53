"""The house's routes, asked over HTTP of a whole server."""

import json
import threading
from typing import Any

import httpx
import pytest
from tests.server.endless import endless

Json = dict[str, Any]

QUESTION = {"model": "nano", "input": "What is 27 + 58?", "seed": 1}


def lines(response: httpx.Response) -> list[Json]:
    response.raise_for_status()
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def row(house: httpx.Client, name: str) -> Json:
    found = house.get("/ossia/models").json()
    (row,) = [each for each in found["data"] if each["name"] == name]
    return dict(row)


def test_a_model_comes_into_memory_and_goes(house: httpx.Client) -> None:
    assert lines(house.post("/ossia/models/unload", json={"name": "nano"}))[-1]["state"] == "done"
    assert row(house, "nano")["loaded"] is None
    told = lines(house.post("/ossia/models/load", json={"name": "nano", "keep_alive": 1000}))
    assert [each["state"] for each in told[:-1]] == ["loading"] * (len(told) - 1)
    assert told[0]["state"] == "loading"
    assert told[-1]["state"] == "done"
    loaded = row(house, "nano")["loaded"]
    assert loaded["weights_bytes"] > 0
    assert loaded["kv_bytes"] > 0
    assert loaded["kv_used_bytes"] == 0
    assert 900 < loaded["seconds_left"] <= 1000
    other = row(house, "gpt-4o")["loaded"]  # the same under another name
    assert other.pop("seconds_left") <= loaded.pop("seconds_left")
    assert other == loaded


def test_a_plan_says_what_contexts_take_and_what_fits(house: httpx.Client) -> None:
    nano = row(house, "nano")
    assert nano["is_here"]
    assert not nano["persona"]
    assert nano["num_bytes"] > 1_000_000
    contexts = [each["context"] for each in nano["plan"]]
    assert contexts == sorted(contexts)
    assert contexts[-1] == nano["context"]
    for each in nano["plan"]:
        assert each["fits"] == (each["num_at_once"] > 0)
        assert each["weights_bytes"] > 0
    assert {each["kv_bytes"] for each in nano["plan"]} != {0}
    memory = house.get("/ossia/models").json()["memory"]
    assert 0 < memory["free"] <= memory["total"]
    assert memory["budget"] < memory["total"]


def test_released_models_that_are_not_here_are_offered(house: httpx.Client) -> None:
    big = row(house, "gpt-oss:20b")
    assert not big["is_here"]
    assert big["num_bytes"] > 13e9


def test_a_model_in_use_stays(house: httpx.Client) -> None:
    with house.stream("POST", "/v1/chat/completions", json=endless()) as stream:
        answer = stream.iter_lines()  # httpx closes what nobody holds
        next(answer)
        assert row(house, "nano")["loaded"]["num_requests"] == 1
        (request,) = house.get("/ossia/status").json()["requests"]
        assert request["state"] == "running"
        assert request["response_id"] is None
        refused = house.post("/ossia/models/unload", json={"name": "nano"})
        assert refused.status_code == 409
        assert refused.json()["error"]["code"] == "model_in_use"


def test_the_status_tells_what_goes_on(house: httpx.Client) -> None:
    status = house.get("/ossia/status").json()
    assert status["version"]
    assert "models" in status["routes"]
    assert status["tools"] == []
    body = QUESTION | {"stream": True}
    with house.stream("POST", "/v1/responses", json=body) as stream:
        events = (line for line in stream.iter_lines() if line.startswith("data: "))
        first = json.loads(next(events).removeprefix("data: "))
        rows = house.get("/ossia/status").json()["requests"]
        for each in rows:  # it may be over already
            assert each["response_id"] == first["response"]["id"]
            assert 0 < each["context_used"] <= each["context"]
        for _ in events:
            pass
    while house.get("/ossia/status").json()["requests"]:  # the time limit is the limit
        pass


def test_a_request_under_way_has_its_name(house: httpx.Client) -> None:
    """Many at once, so that some of them are under way whenever somebody looks."""
    ids: set[str] = set()
    seen: set[str] = set()

    def ask(seed: int) -> None:
        answer = httpx.post(
            f"{house.base_url}/v1/responses", json=QUESTION | {"seed": seed}, timeout=60
        )
        ids.add(answer.json()["id"])

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for each in house.get("/ossia/status").json()["requests"]:
            assert each["state"] in ("running", "waiting")
            seen.add(each["response_id"])
    assert seen
    assert seen <= ids


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "words"),
    [
        ("POST", "load", {"name": "nobody"}, 404, "model_not_found", "no model 'nobody': no name"),
        ("POST", "load", {"name": "/etc/passwd"}, 404, "model_not_found", "a path is no name"),
        ("POST", "load", {}, 400, "missing_required_parameter", "name is missing"),
        ("POST", "load", {"name": 3}, 400, "invalid_type", "expected text"),
        ("POST", "load", {"name": "nano", "keep_alive": "1h"}, 400, "invalid_type", "a number"),
        ("POST", "load", {"name": "nano", "keepalive": 1}, 400, "invalid_value", "keepalive"),
        ("POST", "unload", {"name": "nobody"}, 404, "model_not_found", "no model"),
        ("POST", "pull", {"name": "../x"}, 404, "model_not_found", "a path is no name"),
        ("POST", "pull", {"name": "no such"}, 400, "invalid_value", "is no model's name"),
        ("DELETE", "", {"name": "nobody"}, 404, "model_not_found", "nothing here is called"),
        ("DELETE", "", {"name": "nano"}, 400, "invalid_value", "a part of ossia"),
        ("DELETE", "", {"name": "gpt-4o"}, 409, "model_in_use", "was started with"),
        ("DELETE", "", {"name": "/etc"}, 404, "model_not_found", "a path is no name"),
        ("DELETE", "", {"name": "gpt-oss:20b"}, 404, "model_not_found", "not on this machine"),
    ],
)
def test_what_cannot_be_done_with_models_is_said(
    house: httpx.Client,
    method: str,
    path: str,
    body: Json,
    status: int,
    code: str,
    words: str,
) -> None:
    response = house.request(method, f"/ossia/models/{path}".rstrip("/"), json=body)
    assert response.status_code == status
    error = response.json()["error"]
    assert error["code"] == code
    assert words in error["message"]
    assert error["message"].count("no model") <= 1  # said once


def test_offline_nothing_is_pulled(house: httpx.Client) -> None:
    told = lines(house.post("/ossia/models/pull", json={"name": "gpt-oss:20b"}))
    assert told[-1]["state"] == "failed"
    assert "OSSIA_OFFLINE" in told[-1]["error"]["message"]
    assert lines(house.post("/ossia/models/pull", json={"name": "nano"}))[-1]["state"] == "done"
