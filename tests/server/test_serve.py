"""The log's lines, and how a server ends."""

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ossia.base.errors import InputError
from ossia.hub import EMBEDDED
from ossia.server.serve import _OneLine, listen

OSSIA = Path(sys.executable).with_name("ossia")
QUESTION = {"model": "nano", "messages": [{"role": "user", "content": "What is 27 + 58?"}]}


SHORT = "from ossia.cli.entry import main; from ossia.server import serve; "
SHORT += "serve.SHUTDOWN_SECONDS = 1; main()"
"""The command, but for how long it waits at its end."""


@contextmanager
def serving(home: Path, *flags: str, start: tuple[str | Path, ...] = (OSSIA,)):
    """The process and its port."""
    environment = {**os.environ, "OSSIA_HOME": str(home), "OSSIA_OFFLINE": "1"}
    command = [*start, "serve", "--port", "0", *flags]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.search(r"http://[^ ]+:(\d+)", line)
            if not found:
                process.kill()  # or its standard error would have no end
                raise AssertionError(line + process.stderr.read())
            yield process, int(found[1])
        finally:
            process.kill()


def record(message: str, *values: object, error: BaseException | None = None) -> str:
    info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("ossia", logging.ERROR, "", 1, message, values, info)
    return _OneLine("%(levelname)s %(message)s").format(made)


def test_a_log_line_cannot_be_forged() -> None:
    line = record("GET %s", "/a\nERROR forged\r\x1b[2K\x00\x7f\x9b")
    assert line == r"ERROR GET /a\x0aERROR forged\x0d\x1b[2K\x00\x7f\x9b"


def test_a_failure_has_its_way_but_no_words_of_a_client(monkeypatch) -> None:
    monkeypatch.delenv("OSSIA_DEBUG", raising=False)
    try:
        raise ValueError("the secret prompt\nERROR forged")
    except ValueError as caught:
        error = caught
    told = record("failed", error=error)
    first, *rest = told.split("\n")
    assert first == "ERROR failed"
    assert all(line.startswith("  ") for line in rest)
    assert "test_serve.py" in told
    assert rest[-1].strip() == "ValueError"
    monkeypatch.setenv("OSSIA_DEBUG", "1")
    shown = record("failed", error=error).split("\n")
    assert any("secret prompt" in line for line in shown)
    assert all(line.startswith("  ") for line in shown[1:])


def test_an_address_that_cannot_be_had_is_one_line() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match="in use"):
            listen("127.0.0.1", port)
    with pytest.raises(InputError, match="cannot listen"):
        listen("127.0.0.1", 70_000)
    with pytest.raises(InputError, match="cannot listen"):
        listen("192.0.2.1", 0)  # of nobody (RFC 5737)


@contextmanager
def unread(port: int):
    """A long answer under way to somebody who never reads it: buffers are full, and it waits."""
    more = {"stream": True, "n": 128, "logprobs": True, "top_logprobs": 20}
    body = json.dumps(QUESTION | more).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}"
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(head.encode() + b"\r\n\r\n" + body)
        assert client.recv(12) == b"HTTP/1.1 200"
        yield


CUT = "timeout graceful shutdown exceeded"
"""What uvicorn logs when answers under way had all the time that is granted."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_cuts(tmp_path: Path, number: int) -> None:
    with serving(tmp_path, "nano") as (process, port), unread(port):
        process.send_signal(number)
        time.sleep(0.5)
        assert process.poll() is None  # it lets the answer end
        process.send_signal(number)
        process.wait(20)
        assert CUT not in process.stderr.read()


def test_answers_under_way_have_a_while_and_are_then_cut(tmp_path: Path) -> None:
    start = (sys.executable, "-c", SHORT)
    with serving(tmp_path, "nano", start=start) as (process, port), unread(port):
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        said = process.stderr.read()
    assert CUT in said
    assert "Traceback" not in said


def test_a_model_that_does_not_load_ends_the_server_with_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in EMBEDDED["nano"].iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    (broken / "model.safetensors").write_bytes(b"\xff" * 100)
    with serving(tmp_path, str(broken)) as (process, _):
        assert process.wait(20) in (1, 2)
        said = process.stderr.read()
    assert "Traceback" not in said
    assert "ossia: " in said


def test_a_client_that_goes_in_the_middle_of_its_request_leaves_no_trace(tmp_path: Path) -> None:
    with serving(tmp_path, "nano") as (process, port):
        for cut in (b"", b"content-length: 99\r\n\r\n", b"content-length: 99\r\n\r\n{"):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n" + cut)
                time.sleep(0.1)
        assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        assert "Traceback" not in process.stderr.read()
