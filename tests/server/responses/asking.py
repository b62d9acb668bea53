"""Requests to Responses that several tests send, and how their streams are read."""

import time
from typing import Any

import httpx
import openai
import pytest
from tests.server.watched import events_in

PATH = "/v1/responses"
SUM = "What is 27 + 58?"
LONG = "word " * 200_000
ADD: dict[str, Any] = {
    "type": "function",
    "name": "add",
    "description": "Adds two numbers.",
    "parameters": {
        "type": "object",
        "properties": {"a": {"enum": [27]}, "b": {"enum": [58]}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
    "strict": True,
}
CUSTOM = {"type": "custom", "name": "raw", "description": "Anything."}


def events_of(method: str, url: str, **asked: Any) -> list[dict[str, Any]]:
    """The events of a whole stream."""
    with httpx.stream(method, url, timeout=60, **asked) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = "".join(answer.iter_text())
    assert not text or text.endswith("\n\n")
    return events_in(text)


def settled(client: openai.OpenAI, response_id: str) -> Any:
    """A response that is over."""
    for _ in range(3000):
        found = client.responses.retrieve(response_id)
        if found.status not in ("queued", "in_progress"):
            return found
        time.sleep(0.02)
    raise TimeoutError(response_id)


def endless() -> dict[str, Any]:
    """A request that goes on until somebody stops it: its form allows no end before."""
    schema = {"type": "array", "items": {"const": "again"}, "minItems": 40_000}
    wrapped = {"type": "object", "properties": {"all": schema}, "required": ["all"]}
    form = {"type": "json_schema", "name": "endless", "schema": wrapped}
    effort = {"effort": "none"}
    return {"model": "nano", "input": SUM, "text": {"format": form}, "reasoning": effort}


def await_silence(address: str) -> None:
    """Nothing is being generated."""
    for _ in range(1200):
        models = httpx.get(f"{address}/ossia/loaded").json()["models"]
        if all(model["num_requests"] == 0 for model in models):
            return
        time.sleep(0.05)
    pytest.fail("somebody still generates")
