"""``ossia serve nano`` with nothing else installed, and nothing outside this computer asked.

A server process may import what the base dependencies bring, and no package of the extras, as if
they were not there; a connection to anywhere but this computer would end it.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.server.process import free_port

SERVING = """
import json, sys
blocked = set(json.loads(sys.argv.pop(1)))

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        assert arguments[1][0] in ("127.0.0.1", "::1"), f"went out to {arguments[1]}"

sys.meta_path.insert(0, Missing())
sys.addaudithook(watch)
from ossia.cli.entry import main
main()
"""


def base() -> set[str]:
    """ossia and all that it needs, and that those need, without extras."""
    found, waiting = set(), [Requirement("ossia")]
    while waiting:
        asked = waiting.pop()
        name = canonicalize_name(asked.name)
        extras = asked.extras or {""}
        if name in found and not asked.extras:
            continue
        found.add(name)
        for text in distribution(name).requires or ():
            needed = Requirement(text)
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    return found


def others() -> list[str]:
    """Modules that only other distributions bring."""
    ours = base()
    return [
        module
        for module, brought in packages_distributions().items()
        if not ours.intersection(map(canonicalize_name, brought))
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home, port = tmp_path_factory.mktemp("base"), free_port()
    command = [sys.executable, "-c", SERVING, json.dumps(others())]
    command += ["serve", "nano", "--port", str(port)]
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {"OSSIA_HOME": str(home)}
    log = home / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
        try:
            _wait(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)
    assert "Traceback" not in log.read_text()
    assert "KV cache" in log.read_text()  # what conversations have of memory is told at the start


def _wait(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        try:
            httpx.get(f"{address}/health").raise_for_status()
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(address)


def test_what_is_left_out_is_known() -> None:
    assert {"starlette", "uvicorn", "pydantic", "numpy", "ossia"}.isdisjoint(others())
    assert {"pytest", "openai", "anthropic", "mypy", "torch"} & set(others())


def test_nano_is_served_with_nothing_else(server: str) -> None:
    question = "What is 27 + 58?"
    chat = {"model": "nano", "messages": [{"role": "user", "content": question}], "temperature": 0}
    asked = {
        "/v1/chat/completions": chat,
        "/v1/responses": {"model": "nano", "input": question, "temperature": 0},
        "/v1/messages": chat | {"max_tokens": 500},
        "/api/chat": {"model": "nano", "messages": chat["messages"], "stream": False},
        "/v1/completions": {"model": "nano", "prompt": "27 + 58 =", "max_tokens": 3},
        "/ossia/chats": {"model": "nano"},
    }
    for path, body in asked.items():
        response = httpx.post(f"{server}{path}", json=body, timeout=60)
        assert response.status_code in (200, 201), response.text
        if path == "/v1/chat/completions":
            assert "85" in response.json()["choices"][0]["message"]["content"]
    for path in ("/metrics", "/openapi.json", "/ossia/status", "/ossia/models", "/v1/models"):
        httpx.get(f"{server}{path}", timeout=60).raise_for_status()
    page = b"<html><body><p>Flour and milk</p></body></html>"
    address = f"{server}/ossia/documents?name=cake.html&model=nano"
    assert "Flour" in httpx.post(address, content=page, timeout=60).json()["text"]
