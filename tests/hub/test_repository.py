"""What the hub says of a repository, and each refusal in words that help."""

import json
from typing import Any

import pytest
from tests.hub.hub_server import TOKEN, Fault, Hub

from ossia.base.errors import InputError, NetworkError
from ossia.hub import HubName, repository
from ossia.hub.network import Patience
from ossia.hub.repository import find_repository, read_file, read_start

NAME = HubName("a", "b")
FILES = {
    "config.json": b'{"model_type": "gpt_oss"}',
    "x.safetensors": b"w" * 5000,
    "original/x.bin": b"o",
    "../up": b"u",
    ".git/config": b"g",
    "odd name": b"o",
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "_BRIEF", Patience(attempts=3, first=0.001))


def test_what_is_there(hub: Hub) -> None:
    made = hub.add("a/b", FILES, licence="mit", is_gated=True)
    found = find_repository(NAME)
    assert (found.revision, found.licence, found.is_gated) == (made.commit, "mit", True)
    assert sorted(found.files) == ["config.json", "original/x.bin", "x.safetensors"]
    assert found.files["x.safetensors"].size == 5000
    assert len(found.files["x.safetensors"].digest) == 64
    assert len(found.files["config.json"].digest) == 40
    assert find_repository(NAME, "refs/pr/1").revision == made.commit
    assert find_repository(HubName("a", "b", "Q8_0")).name == NAME


def test_a_repository_that_moved(hub: Hub) -> None:
    hub.add("new/b", FILES)
    hub.moved["a/b"] = "new/b"
    found = find_repository(NAME)
    assert read_file(found, found.files["config.json"]) == FILES["config.json"]


def refused(monkeypatch: pytest.MonkeyPatch, token: str | None) -> str:
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    else:
        monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(InputError) as caught:
        read_config()
    return str(caught.value)


def read_config() -> bytes:
    found = find_repository(NAME)
    return read_file(found, found.files["config.json"])


def test_a_gated_model_says_what_to_do(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    made = hub.add("a/b", FILES, is_gated=True)
    page = f"a/b is gated: accept its licence at {hub.endpoint}/a/b; then "
    told = refused(monkeypatch, None)
    assert told == f"{page}set HF_TOKEN, or run hf auth login"
    told = refused(monkeypatch, TOKEN)
    assert told == f"{page}the token that you have has no access yet"
    made.members.add(TOKEN)
    found = find_repository(NAME)
    assert read_file(found, found.files["config.json"]) == FILES["config.json"]


def test_what_is_not_there_or_not_for_all(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "127.0.0.1 has no model a/b; check how it is spelled" in refused(monkeypatch, None)
    assert "the token that you have may not see it" in refused(monkeypatch, TOKEN)
    hub.add("a/b", FILES, is_private=True)
    assert "set HF_TOKEN, or run hf auth login" in refused(monkeypatch, None)
    told = refused(monkeypatch, "hf_wrong")
    assert told == "127.0.0.1 does not know the token in HF_TOKEN, or of hf auth login"
    assert "hf_wrong" not in told
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(InputError, match=r"^a/b has no revision 'v9' on 127"):
        find_repository(NAME, "v9")


@pytest.mark.parametrize("revision", ["", "../x", "a b", "-x", "x" * 300, "é", "a/../b"])
def test_what_is_no_revision_is_not_asked_for(hub: Hub, revision: str) -> None:
    with pytest.raises(InputError, match="is no revision"):
        find_repository(NAME, revision)
    assert hub.asked == []


def test_a_hub_that_is_busy_is_asked_again(hub: Hub) -> None:
    hub.add("a/b", FILES)
    hub.faults.append(Fault("status", host="hub", times=2, status=429))
    assert find_repository(NAME).files
    hub.faults.append(Fault("status", host="hub", times=-1, status=502))
    with pytest.raises(NetworkError, match=r"busy or broken \(502\) \(tried 3 times\)"):
        find_repository(NAME)


VALID: dict[str, Any] = {
    "sha": "a" * 40,
    "siblings": [{"rfilename": "x", "size": 1, "blobId": "b" * 40}],
}
BROKEN: list[Any] = [
    *(None, [], "x", {}, {"sha": 1}, VALID | {"sha": "main"}, VALID | {"siblings": None}),
    *(VALID | {"siblings": [sibling]} for sibling in (
        *(None, {}, {"rfilename": 1}),
        {"rfilename": "x"},
        {"rfilename": "x", "size": -1, "blobId": "b" * 40},
        {"rfilename": "x", "size": True, "blobId": "b" * 40},
        {"rfilename": "x", "size": "1", "blobId": "b" * 40},
        {"rfilename": "x", "size": 1, "blobId": "../../x"},
        {"rfilename": "x", "size": 1, "blobId": None},
        {"rfilename": "x", "size": 1, "blobId": "b" * 40, "lfs": {"sha256": "c", "size": 1}},
        {"rfilename": "x", "size": 1, "blobId": "b" * 40, "lfs": "yes"},
    )),
]  # fmt: skip


@pytest.mark.parametrize("document", BROKEN, ids=str)
def test_nonsense_is_named(monkeypatch: pytest.MonkeyPatch, document: Any) -> None:
    monkeypatch.setattr(repository, "_read", lambda _: json.dumps(document).encode())
    with pytest.raises(NetworkError, match="answers nonsense about a/b"):
        find_repository(NAME)


@pytest.mark.parametrize("data", [b"", b"<html>", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_nonsense(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(repository, "_read", lambda _: data)
    with pytest.raises(NetworkError, match="is HF_ENDPOINT a Hugging Face hub"):
        find_repository(NAME)


def test_little_things_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for card in (None, "x", {}, {"license": 3}, {"license": "a b\x1b"}):
        document = VALID | {"cardData": card, "gated": None}
        monkeypatch.setattr(repository, "_read", lambda _, d=document: json.dumps(d).encode())
        found = find_repository(NAME)
        assert (found.licence, found.is_gated) == (None, False)


def test_a_small_file_is_checked(hub: Hub) -> None:
    hub.add("a/b", FILES)
    found = find_repository(NAME)
    hub.faults.append(Fault("flip", host="cache", value=3))
    with pytest.raises(NetworkError, match=r"config\.json is not what the hub lists"):
        read_file(found, found.files["config.json"])
    hub.faults.append(Fault("cut", host="cache", value=3))  # once; then it goes well
    assert read_file(found, found.files["config.json"]) == FILES["config.json"]


def test_the_start_of_a_file(hub: Hub) -> None:
    hub.add("a/b", FILES)
    found = find_repository(NAME)
    assert read_start(found, found.files["x.safetensors"], 100) == b"w" * 100
    assert read_start(found, found.files["config.json"], 10_000) == FILES["config.json"]
