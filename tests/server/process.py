"""A whole server in a process of its own, as users start it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx


@contextmanager
def server_process(home: Path, *names: str) -> Iterator[str]:
    """The address of a server with aliases such as ``gpt-oss:20b=nano``."""
    address = f"http://127.0.0.1:{free_port()}"
    command = [Path(sys.executable).with_name("ossia"), "serve", "--port", address.split(":")[-1]]
    for name in names:
        command += ["--alias", name]
    environment = {**os.environ, "OSSIA_HOME": str(home), "OSSIA_OFFLINE": "1"}
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            _await(address, process)
            yield address
        finally:
            process.terminate()
            process.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(address: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        try:
            httpx.get(f"{address}/health").raise_for_status()
        except httpx.TransportError:
            assert process.poll() is None, "the server ended"
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(address)
