"""A server as people start it, asked by OpenAI's own client, and ended as they end it."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

OSSIA = Path(sys.executable).with_name("ossia")


@contextmanager
def serving(home: Path, *flags: str):
    """The process and its address."""
    environment = {**os.environ, "OSSIA_HOME": str(home), "OSSIA_OFFLINE": "1"}
    command = [OSSIA, "serve", "--port", "0", *flags]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.search(r"http://\S+:(\d+)", line)
            if not found:
                process.kill()  # or its standard error would have no end
                raise AssertionError(line + process.stderr.read())
            yield process, int(found[1])
        finally:
            process.kill()


def ossia(home: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OSSIA_HOME": str(home), **variables}
    return subprocess.run(
        [OSSIA, *words], capture_output=True, text=True, env=environment, check=False
    )


def question(model: str = "nano", **more) -> dict:
    return {"model": model, "messages": [{"role": "user", "content": "What is 27 + 58?"}]} | more


def test_models_are_served_listed_and_stopped(tmp_path: Path) -> None:
    with serving(tmp_path, "--alias", "gpt-4o=nano") as (process, port):
        url = f"http://localhost:{port}"
        assert ossia(tmp_path, "ps", "--port", str(port)).stdout == "no model is in memory\n"
        body = question("gpt-4o", seed=1)
        answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60).json()
        assert answer["choices"][0]["message"]["content"] == "27 + 58 = 85"
        listed = ossia(tmp_path, "ps", "--port", str(port)).stdout
        assert listed.startswith("gpt-4o  3.1 MB  131,072 tokens of context  goes in ")
        (row,) = json.loads(ossia(tmp_path, "ps", "--json", "--port", str(port)).stdout)
        assert row["num_requests"] == 0
        metrics = httpx.get(f"{url}/metrics").text
        assert 'ossia_num_requests_total{model="gpt-4o"} 1' in metrics
        assert 'ossia_ends_total{end="stop",model="gpt-4o"} 1' in metrics
        assert ossia(tmp_path, "stop", "gpt-4o", "--port", str(port)).returncode == 0
        again = ossia(tmp_path, "stop", "gpt-4o", "--port", str(port))
        assert (again.returncode, "not in memory" in again.stderr) == (2, True)
        httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60)
        assert ossia(tmp_path, "stop", "--port", str(port)).returncode == 0
        assert ossia(tmp_path, "ps", "--port", str(port)).stdout == "no model is in memory\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (0, 130)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_answer_under_way_ends_before_the_server_does(tmp_path: Path, number: int) -> None:
    with serving(tmp_path, "nano") as (process, port):
        body = question(stream=True, seed=1)
        url = f"http://localhost:{port}/v1/chat/completions"
        with httpx.stream("POST", url, json=body, timeout=60) as response:
            lines = response.iter_lines()
            next(lines)
            process.send_signal(number)
            rest = list(lines)
        assert "data: [DONE]" in rest
        process.wait(20)


def test_others_need_a_key(tmp_path: Path) -> None:
    refused = ossia(tmp_path, "serve", "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 2
    assert "ossia key create" in refused.stderr
    made = ossia(tmp_path, "key", "create", "laptop")
    secret = made.stdout.strip()
    assert ossia(tmp_path, "key", "list").stdout.startswith("laptop  made ")
    with serving(tmp_path, "--host", "0.0.0.0") as (_, port):
        url = f"http://127.0.0.1:{port}/v1/models"
        assert httpx.get(url).status_code == 401
        asked = ossia(tmp_path, "ps", "--port", str(port))
        assert (asked.returncode, "OSSIA_API_KEY" in asked.stderr) == (2, True)
        with_key = {"OSSIA_API_KEY": secret, "OSSIA_HOST": f"0.0.0.0:{port}"}
        assert ossia(tmp_path, "ps", **with_key).stdout == "no model is in memory\n"
        headers = {"Authorization": f"Bearer {secret}"}
        assert httpx.get(url, headers=headers).status_code == 200
        assert ossia(tmp_path, "key", "revoke", "laptop").returncode == 0
        assert httpx.get(url, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("serve", "nobody"), "no model 'nobody'"),
        (("serve", "--alias", "x"), "not NAME=MODEL"),
        (("serve", "--port", "99999"), "cannot listen"),
        (("serve", "--host", "8.8.8.8"), "key"),
        (("ps", "--port", "1"), "no ossia serve answers"),
        (("key", "revoke", "x"), "there is no key 'x'"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = ossia(tmp_path, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") <= 2


def test_a_port_that_is_taken_is_said_so(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, port):
        done = ossia(tmp_path, "serve", "--port", str(port))
        assert done.returncode == 2
        assert "in use" in done.stderr
