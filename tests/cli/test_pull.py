"""``ossia pull`` as a real process against a real server: killed, stopped, refused, in one line."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from tests.cli.conftest import OSSIA, Run, Spawn
from tests.hub.hub_server import TOKEN, Fault, Hub, serving

from ossia.hub import EMBEDDED

NAME = "somebody/nano-tuned"
SEED = 8


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as hub:
        hub.add(NAME, {path.name: path.read_bytes() for path in EMBEDDED["nano"].iterdir()})
        yield hub


@pytest.fixture
def home(tmp_path: Path, hub: Hub) -> dict[str, str]:
    """Environment of a user who has nothing."""
    places = {"OSSIA_HOME": "home", "HF_HOME": "hf", "HF_HUB_CACHE": "hf/hub"}
    unset = dict.fromkeys(("HF_TOKEN", "HF_HUB_OFFLINE", "OSSIA_OFFLINE", "HF_TOKEN_PATH"), "")
    return (
        {name: str(tmp_path / place) for name, place in places.items()}
        | unset
        | {"HF_ENDPOINT": hub.endpoint}
    )


def random_model(size: int) -> dict[str, bytes]:
    """Files like a model's; no loader reads them."""
    return {
        "config.json": b'{"model_type": "gpt_oss"}',
        "tokenizer.json": b"{}" * 5000,
        "model.safetensors": random.Random(SEED).randbytes(size),
    }


def test_from_nothing_to_an_answer(ossia: Run, hub: Hub, home: dict[str, str]) -> None:
    """And every later run works without a network."""
    absent = ossia("run", NAME, "27 + 58?", env=home)
    assert f"get it with: ossia pull {NAME}" in absent.stderr
    done = ossia("pull", NAME, env=home)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert done.stdout.startswith(f"{NAME} is here: ")
    assert "every file checked" in done.stdout
    assert done.stderr.startswith(f"pulling {NAME}: ")
    assert "licence apache-2.0" in done.stderr
    hub.close()
    offline = home | {"OSSIA_OFFLINE": "1"}
    asked = ("run", "--temperature", "0", "27 + 58?")
    answer = ossia(asked[0], NAME, *asked[1:], env=offline)
    assert answer.stdout == ossia(asked[0], "nano", *asked[1:], env=offline).stdout
    again = ossia("pull", NAME, env=offline)
    assert again.returncode == 0
    assert "is here; the network is forbidden" in again.stdout
    right = ossia("verify", NAME, env=offline)
    assert "all are what the hub has" in right.stdout


@pytest.mark.timeout(120)
def test_twenty_kills(hub: Hub, home: dict[str, str]) -> None:
    """Each takes up what the one before left, and the bytes are right in the end."""
    chance = random.Random(SEED)
    files = random_model(24 << 20)
    hub.add(NAME, files)
    slow = Fault("slow", times=-1, path=".safetensors", value=200_000)
    hub.faults.append(slow)
    folder = Path(home["OSSIA_HOME"]) / "models" / NAME
    kept = []
    for _ in range(20):
        with started(home) as process:
            assert process.stdout is not None
            while b'"progress"' not in (line := process.stdout.readline()):
                assert line, "it ended by itself"
            kept.append(json.loads(line)["done"])
            time.sleep(chance.uniform(0, 0.5))
            process.kill()
        assert not (folder / "model.json").exists()
        assert not (folder / "model.safetensors").exists()
    assert kept == sorted(kept)
    assert kept[-1] > 4 << 20
    hub.faults.clear()
    with started(home) as process:
        assert process.wait() == 0
    assert {path: (folder / path).read_bytes() for path in files} == files
    assert sorted(path.name for path in folder.iterdir()) == sorted([*files, "model.json"])


def started(home: dict[str, str]) -> subprocess.Popen[bytes]:
    env = os.environ | home
    return subprocess.Popen(
        [OSSIA, "pull", NAME, "--json"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def test_ctrl_c_keeps_what_came(spawn: Spawn, ossia: Run, hub: Hub, home: dict[str, str]) -> None:
    hub.add(NAME, random_model(4 << 20))
    hub.faults.append(Fault("slow", times=-1, path=".safetensors", value=200_000))
    child = spawn("pull", NAME, columns=100, **home)
    child.expect(r"pulling somebody/nano-tuned: 4\.2 MB in 3 files")
    child.expect(r"[\d.]+/4\.2 MB")  # a bar
    time.sleep(0.5)
    child.sendintr()
    child.expect(rf"kB of 4\.2 MB are kept; ossia pull {NAME} goes on from there")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert "not all here; ossia pull" in ossia("list", env=home).stdout
    hub.faults.clear()
    again = ossia("pull", NAME, "--json", env=home)
    lines = [json.loads(line) for line in again.stdout.splitlines()]
    first = next(line for line in lines if line["type"] == "progress")
    assert first["done"] > 10_000


def test_sigterm_keeps_what_came(hub: Hub, home: dict[str, str]) -> None:
    hub.add(NAME, random_model(4 << 20))
    hub.faults.append(Fault("slow", times=-1, path=".safetensors", value=200_000))
    with started(home) as process:
        assert process.stdout is not None
        while b'"progress"' not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143


def test_lines_of_json(ossia: Run, hub: Hub, home: dict[str, str]) -> None:
    done = ossia("pull", NAME, "--json", env=home)
    assert done.stderr == ""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    started, *progress, ended = lines
    size = sum(file["size"] for file in started["files"])
    assert (started["type"], started["name"], started["bytes"]) == ("started", NAME, size)
    assert started["revision"] == hub.repositories[NAME].commit
    assert {line["type"] for line in progress} == {"progress"}
    assert (progress[-1]["done"], progress[-1]["checked"]) == (size, size)
    assert ended["type"] == "done"
    assert ended["path"] == str(Path(home["OSSIA_HOME"]) / "models" / NAME)
    failed = ossia("pull", "somebody/else", "--json", env=home)
    assert failed.returncode == 2
    (line,) = failed.stdout.splitlines()
    assert json.loads(line)["type"] == "failed"
    assert json.loads(line)["message"] in failed.stderr.replace("\n", " ")


def test_the_token_never_leaves_the_hub(ossia: Run, hub: Hub, home: dict[str, str]) -> None:
    files = random_model(1 << 20)
    hub.add(NAME, files, is_gated=True)
    done = ossia("pull", NAME, env=home)
    assert done.returncode == 2
    assert (
        f"is gated: accept its licence at {hub.endpoint}/{NAME}; then set HF_TOKEN" in done.stderr
    )
    done = ossia("pull", NAME, env=home | {"HF_TOKEN": TOKEN})
    assert "the token that you have has no access yet" in done.stderr
    hub.repositories[NAME].members.add(TOKEN)
    place = Path(home["HF_HOME"]) / "token"
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"{TOKEN}\n")  # as hf auth login leaves it
    done = ossia("pull", NAME, env=home)
    assert done.returncode == 0
    assert hub.asked_for("storage")
    assert TOKEN not in str(hub.asked_for("storage"))
    assert TOKEN not in done.stdout + done.stderr


def test_a_model_in_the_cache_is_used_there(
    ossia: Run, hub: Hub, home: dict[str, str], tmp_path: Path
) -> None:
    commit = hub.repositories[NAME].commit
    place = tmp_path / "hf" / "hub" / f"models--{NAME.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(commit)
    (place / "snapshots" / commit).parent.mkdir()
    (place / "snapshots" / commit).symlink_to(EMBEDDED["nano"])
    done = ossia("pull", NAME, env=home)
    assert done.returncode == 0
    assert "is in the Hugging Face cache already, and is used there" in done.stdout
    assert hub.asked == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nano",), "there is nothing to pull: nano is inside the package"),
        (("../x",), "is a path; expected a model's name"),
        (("a/../b",), "is no model's name"),
        (("a/b/c",), "is no model's name"),
        (("somebody/none",), "has no model somebody/none"),
        ((NAME, "--revision", "v9"), "has no revision 'v9'"),
        ((NAME, "--revision", "../x"), "is no revision"),
        ((NAME, "--quantization", "Q8_0"), "it has no GGUF files"),
        ((NAME, "--quantization", "../x"), "is no model's name"),
        ((f"{NAME}:F16", "--quantization", "Q8_0"), "names a quantisation, and --quantization"),
        (("pirate",), "no model 'pirate'"),
    ],
)
def test_refusals_in_a_line(
    ossia: Run, hub: Hub, home: dict[str, str], arguments: tuple[str, ...], told: str
) -> None:
    done = ossia("pull", *arguments, env=home)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert told in done.stderr
    assert not Path(home["OSSIA_HOME"]).exists()
    assert hub.asked_for("storage") == []


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"OSSIA_OFFLINE": "1"}, 1, "the network is forbidden here"),
        (
            {"HF_ENDPOINT": "http://127.0.0.1:9"},
            1,
            "127.0.0.1 cannot be reached: ",
        ),
        ({"HF_ENDPOINT": "ftp://x"}, 2, "HF_ENDPOINT is 'ftp://x'; expected an address"),
        ({"HF_TOKEN": "hf\nx"}, 2, "has characters that no token has"),
        ({"OSSIA_HOME": "/dev/null/x"}, 2, "cannot write /dev/null/x/models/"),
    ],
)
def test_what_stands_in_the_way(
    ossia: Run, home: dict[str, str], changes: dict[str, str], code: int, told: str
) -> None:
    done = ossia("pull", NAME, env=home | changes)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_of_ones_own_pulls_what_it_stands_for(ossia: Run, home: dict[str, str]) -> None:
    assert ossia("create", "mine", "--from", NAME, env=home).returncode == 0
    assert ossia("pull", "mine", env=home).returncode == 0
    assert ossia("run", "mine", "--temperature", "0", "1 + 1?", env=home).stdout.strip()
