"""Personas over HTTP; the files are the same that ``ossia create`` writes."""

from typing import Any

import httpx
import pytest

PIRATE = {
    "model": "nano",
    "system": 'You talk like a "pirate".\nAlways.',
    "effort": "low",
    "temperature": 0.5,
    "top_p": None,
    "tools": ["browser"],
}


def test_a_persona_is_made_changed_used_and_deleted(house: httpx.Client) -> None:
    made = house.put("/ossia/personas/pirate", json=PIRATE)
    assert made.status_code == 200
    assert made.json() == {"name": "pirate", **PIRATE}
    assert made.json() in house.get("/ossia/personas").json()["data"]
    rows = house.get("/ossia/models").json()["data"]
    assert [row["persona"] for row in rows if row["name"] == "pirate"] == [True]
    changed = {"model": "nano", "system": "Arr.", "top_p": 0.9}
    house.put("/ossia/personas/pirate", json=changed).raise_for_status()
    (row,) = (each for each in house.get("/ossia/personas").json()["data"])
    assert row["temperature"] is None
    assert (row["system"], row["top_p"], row["tools"]) == ("Arr.", 0.9, [])
    answer = house.post("/v1/responses", json={"model": "pirate", "input": "What is 27 + 58?"})
    assert answer.json()["status"] == "completed"
    assert answer.json()["top_p"] == 0.9
    assert house.delete("/ossia/personas/pirate").json() == {"name": "pirate", "deleted": True}
    assert house.delete("/ossia/personas/pirate").status_code == 404
    assert house.get("/ossia/personas").json()["data"] == []


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("nano", {}, "always means the model inside the package"),
        ("gpt-oss:20b", {}, "always means"),
        ("pi rate", {}, "is no model's name"),
        ("pirate", {"model": "nobody"}, "no model 'nobody'"),
        ("pirate", {"model": "/etc/passwd"}, "not a path"),
        ("pirate", {"model": None}, "model"),
        ("pirate", {"effort": "enormous"}, "effort is 'enormous'"),
        ("pirate", {"temperature": -1}, "temperature"),
        ("pirate", {"temperature": "hot"}, "temperature"),
        ("pirate", {"top_p": 7}, "top_p"),
        ("pirate", {"tools": ["hammer"]}, "no tool 'hammer'"),
        ("pirate", {"seed": 1}, "seed"),
    ],
)
def test_what_no_conversation_can_have_is_refused(
    house: httpx.Client, name: str, changes: dict[str, Any], words: str
) -> None:
    response = house.put(f"/ossia/personas/{name}", json=PIRATE | changes)
    assert response.status_code == 400
    assert words in response.json()["error"]["message"]
    assert house.get("/ossia/personas").json()["data"] == []  # nothing was kept
