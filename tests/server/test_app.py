"""A whole server: what any is asked, and that nobody who goes leaves anything behind."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

NUM_CLIENTS = 200
QUESTION = {
    "model": "nano",
    "messages": [{"role": "user", "content": "What is 27 + 58?"}],
    "seed": 1,
}


def counts(address: str) -> dict[tuple[str, ...], float]:
    text = httpx.get(f"{address}/metrics").text
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    return {(s.name.removeprefix("ossia_"), s.labels.get("end", "")): s.value for s in samples}


def ends(found: dict[tuple[str, ...], float]) -> float:
    return sum(value for (name, _), value in found.items() if name == "ends_total")


def request(**more: Any) -> bytes:
    body = json.dumps(QUESTION | {"stream": True} | more).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def leave(address: str, number: int) -> None:
    """Asks, and goes: at once, when the answer begins or in its middle; with a word or without."""
    reader, writer = await asyncio.open_connection(*address.removeprefix("http://").split(":"))
    writer.write(request(seed=number, n=1 + number % 3))
    await writer.drain()
    for _ in range(number % 5):
        if not await reader.readline():
            break
    if number % 10 == 4:
        await reader.readuntil(b"data: ")
    if number % 2:
        writer.transport.abort()
    else:
        writer.close()


def test_clients_that_go_in_the_middle_leave_nothing_behind(address: str) -> None:
    url = f"{address}/v1/chat/completions"
    alone = httpx.post(url, json=QUESTION, timeout=60).json()["choices"][0]["message"]
    before = counts(address)

    async def work() -> Any:
        async with httpx.AsyncClient(timeout=60) as client:
            beside = asyncio.create_task(client.post(url, json=QUESTION))
            await asyncio.gather(*(leave(address, number) for number in range(NUM_CLIENTS)))
            return (await beside).json()["choices"][0]["message"]

    assert asyncio.run(work()) == alone  # nobody is harmed by those who go
    while True:  # the time limit is the limit
        found = counts(address)
        if not (found["running", ""] or found["waiting", ""]):
            (loaded,) = httpx.get(f"{address}/ossia/loaded").json()["models"]
            if not loaded["num_requests"]:
                break
    assert found["pages_used", ""] == 0
    assert ends(found) == found["num_requests_total", ""]
    gone = found["ends_total", "cancelled"] - before.get(("ends_total", "cancelled"), 0)
    assert gone > 0  # they did go in the middle
    again = httpx.post(url, json=QUESTION, timeout=60).json()["choices"][0]["message"]
    assert again == alone


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_server_says_who_it_is(address: str, method: str) -> None:
    response = httpx.request(method, address)
    assert response.status_code == 200
    assert httpx.get(f"{address}/health").json()["status"] == "ok"


def test_what_is_not_there_and_what_is_not_so_is_told(address: str) -> None:
    missing = httpx.get(f"{address}/v1/nothing%0d%0aX: y")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    assert "\n" not in missing.json()["error"]["message"]
    wrong = httpx.request("DELETE", f"{address}/v1/chat/completions")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"


def test_a_model_is_told_while_it_is_in_memory(address: str) -> None:
    httpx.post(f"{address}/v1/chat/completions", json=QUESTION, timeout=60).raise_for_status()
    found = httpx.get(f"{address}/ossia/loaded").json()
    assert found["loading"] == []
    (row,) = found["models"]
    assert row["kv_bytes"] > 0
    assert 0 < row["seconds_left"] <= 300
    missing = httpx.request("DELETE", f"{address}/ossia/loaded/nobody")
    assert missing.status_code == 404
