"""A small internet on loopback: one real server on all of this machine's addresses.

127.0.0.2 stands for the internet: names that end in ``.test`` lead there unless said otherwise, and
the guard takes it for public. All else of this machine is what must not be reached; whoever
connects there is recorded, even if nothing is asked.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from ossia.tools.browser import guard

PUBLIC = "127.0.0.2"

Handler = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Internet:
    """What was connected to and asked for.

    Attributes:
        connected: the address of this machine of each connection.
        asked: path and Host of each request.
        names: what names lead to, each time they are looked up in turn; the last stays.
        pages: what is answered, by path.
    """

    port: int = 0
    connected: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    names: dict[str, list[list[str]]] = field(default_factory=dict)
    looked_up: list[str] = field(default_factory=list)
    pages: dict[str, Handler] = field(default_factory=dict)

    @property
    def private(self) -> list[str]:
        """Connections to what must not be reached."""
        return [address for address in self.connected if address != PUBLIC]

    def page(self, path: str, body: str | bytes, **headers: str) -> None:
        """A page under a path."""
        data = body.encode() if isinstance(body, str) else body
        kinds = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(data))}
        kinds |= {name.replace("_", "-"): value for name, value in headers.items()}

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(int(kinds.get("status", "200")))
            for name, value in kinds.items():
                if value and name != "status":
                    handler.send_header(name, value)
            handler.end_headers()
            with contextlib.suppress(OSError):
                handler.wfile.write(data)

        self.pages[path] = answer

    def redirect(self, path: str, target: str, status: int = 302) -> None:
        """A page that leads elsewhere."""
        self.page(path, "", Location=target, status=str(status))


@contextlib.contextmanager
def running(
    monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext | None = None
) -> Iterator[Internet]:
    """The internet, for as long as a test takes."""
    net = Internet()

    class Asked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            net.asked.append((self.path, self.headers.get("Host", "")))
            net.headers.append(dict(self.headers))
            page = net.pages.get(self.path)
            if page is None:
                self.send_error(404)
            else:
                page(self)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6
        daemon_threads = True

        def server_bind(self) -> None:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            super().server_bind()

        def get_request(self) -> tuple[Any, Any]:
            connection, peer = super().get_request()
            net.connected.append(connection.getsockname()[0].removeprefix("::ffff:"))
            return connection, peer

        def handle_error(self, *_: object) -> None:
            """A client that goes is none."""

    class Server4(Server):
        address_family = socket.AF_INET

        def server_bind(self) -> None:
            ThreadingHTTPServer.server_bind(self)

    try:
        server: Server = Server(("::", 0), Asked)
    except OSError:  # no IPv6 here
        server = Server4(("0.0.0.0", 0), Asked)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    net.port = server.server_address[1]
    _pretend(monkeypatch, net)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield net
    server.shutdown()
    thread.join()
    server.server_close()


def _pretend(monkeypatch: pytest.MonkeyPatch, net: Internet) -> None:
    real_lookup, real_public, real_own = socket.getaddrinfo, guard.is_public, guard._is_own

    def lookup(host: Any, port: Any, *rest: Any, **options: Any) -> Sequence[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        if name in net.names or (name or "").endswith(".test"):
            net.looked_up.append(name)
            answers = net.names.setdefault(name, [[PUBLIC]])
            numbers = answers.pop(0) if len(answers) > 1 else answers[0]
            return [entry for n in numbers for entry in real_lookup(n, port, *rest, **options)]
        return real_lookup(host, port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(guard, "is_public", lambda n: n == PUBLIC or real_public(n))
    monkeypatch.setattr(guard, "_is_own", lambda n, port: n != PUBLIC and real_own(n, port))
    # What is refused is refused for its address, not for the port that the server got.
    monkeypatch.setattr(guard, "PORTS", guard.PORTS | {net.port})
