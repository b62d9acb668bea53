"""Codex against a server, for ``scripts/codex``: an answer, then a command with its result.

nano does not find, in 18,000 tokens of Codex's instructions, the function that it has to call, and
Codex cannot ask for one. So a proxy between both does: it adds ``tool_choice`` to the first request
of a turn, and leaves nano little room for the arguments. All else passes as it is.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from tests.server.process import free_port, server_process

Json = dict[str, Any]

SUM = "What is 27 + 58?"
COMMAND = "echo 27 + 58 = 85 > sum.txt; cat sum.txt"
_OF_A_LINK = {"content-length", "host", "transfer-encoding"}


def main(folder: Path) -> None:
    """Runs both and says what happened; folder is where Codex is installed."""
    home, work = folder / "ossia", folder / "work"
    home.mkdir()
    work.mkdir()
    with server_process(home, "gpt-oss:20b=nano") as address:
        said = codex(folder, address, SUM)
        check_answer(said)
        tell(f"an answer: {texts(said)[-1]!r}")
        with demanding(address) as between:
            said = codex(folder, between, f"Run `{COMMAND}`.")
        check_answer(said)
        [command] = [item for item in said if item["type"] == "command_execution"]
        assert command["exit_code"] == 0, command
        assert command["aggregated_output"] == "27 + 58 = 85\n", command
        assert (work / "sum.txt").read_text() == "27 + 58 = 85\n"
        tell(f"a command: {command['command']!r} gave {command['aggregated_output']!r}")


def codex(folder: Path, address: str, prompt: str) -> list[Json]:
    """The items that Codex tells of one turn."""
    command = [folder / "node_modules/.bin/codex", "exec", "--oss", "--local-provider", "ollama"]
    command += ["-m", "gpt-oss:20b", "--skip-git-repo-check", "--ephemeral", "--json"]
    command += ["-s", "workspace-write", prompt]
    settings = {"CODEX_HOME": str(folder / "settings"), "CODEX_OSS_BASE_URL": f"{address}/v1"}
    Path(settings["CODEX_HOME"]).mkdir(exist_ok=True)
    done = subprocess.run(
        command,
        cwd=folder / "work",
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["type"] == "turn.completed", done.stdout
    tell(f"tokens: {events[-1]['usage']}")
    return [event["item"] for event in events if event["type"] == "item.completed"]


def tell(what: str) -> None:
    """A line for whoever runs the script."""
    sys.stdout.write(f"{what}\n")


def texts(items: list[Json]) -> list[str]:
    """What the model said to the user."""
    return [item["text"] for item in items if item["type"] == "agent_message"]


def check_answer(items: list[Json]) -> None:
    """There is an answer, and reasoning before it."""
    assert texts(items), items
    assert any(item["type"] == "reasoning" and item["text"] for item in items), items


@contextmanager
def demanding(address: str) -> Iterator[str]:
    """The address of a proxy that asks for the command."""
    port = free_port()
    config = uvicorn.Config(_proxy(address), port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def _demand(body: Json) -> Json:
    """A request in which the model has to run the command, until there is a result."""
    arguments = {"cmd": {"type": "string", "const": COMMAND}}
    schema = {"type": "object", "properties": arguments, "required": ["cmd"]}
    schema["additionalProperties"] = False
    tools = [
        tool | {"parameters": schema, "strict": True}
        if tool.get("name") == "exec_command"
        else tool
        for tool in body["tools"]
    ]
    has_result = body["input"][-1].get("type") == "function_call_output"
    choice = "none" if has_result else {"type": "function", "name": "exec_command"}
    return body | {"tools": tools, "tool_choice": choice}


def _proxy(address: str) -> Starlette:
    async def forward(request: Request) -> StreamingResponse:
        content = await request.body()
        if request.url.path == "/v1/responses":
            content = json.dumps(_demand(json.loads(content))).encode()
        client = httpx.AsyncClient(base_url=address, timeout=300)
        headers = {k: v for k, v in request.headers.items() if k not in _OF_A_LINK}
        sent = client.build_request(
            request.method, request.url.path, headers=headers, content=content
        )
        answer = await client.send(sent, stream=True)

        kept = {k: v for k, v in answer.headers.items() if k not in _OF_A_LINK}
        return StreamingResponse(_pieces(client, answer), answer.status_code, kept)

    return Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST"])])


async def _pieces(client: httpx.AsyncClient, answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.aiter_raw():
            yield piece
    finally:
        await client.aclose()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
