"""Which addresses may be fetched, and connections that go there and nowhere else.

A page can name any address, so can a model, and so can whoever runs a name server. What counts is
the number that a name stands for at the moment of connecting: it is looked up once, checked, and
connected to. Whatever way a number is written in an address, here it is the same number.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from ossia.base.errors import InputError, NetworkError

PORTS = frozenset({80, 443, 8000, 8080, 8443})
"""Ports of web servers; others speak other protocols, which a request might be an order in."""

MAX_URL = 4096
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NEVER = tuple(
    map(
        ip_network,
        (
            "168.63.129.16/32",  # Azure's own services, by a public number
            "192.88.99.0/24",  # relays of 6to4
            "2002::/16",  # 6to4: another address within
            "2001::/23",  # Teredo and other protocols, likewise
            "3fff::/20",  # documentation (RFC 9637)
        ),
    )
)


@dataclass(frozen=True)
class Guard:
    """What may be fetched.

    Attributes:
        allowed: what is laid open of the own net: names and numbers, ``nas.local`` or
            ``127.0.0.1:8000``, and networks, ``192.168.1.0/24``; without a port all ports.
    """

    allowed: frozenset[str] = frozenset()

    def checked(self, url: str) -> httpx.URL:
        """An address as it will be asked for.

        Raises:
            InputError: nothing may be fetched from such an address.
        """
        expected = "expected one such as https://example.org/"
        if len(url) > MAX_URL or re.search(r"[\x00-\x20\x7f\\]", url.strip()):
            raise InputError(f"{url!r:.80} is no address; {expected}")
        try:
            parsed = httpx.URL(url.strip())
            host, port = host_of(parsed), port_of(parsed)
        except (httpx.InvalidURL, ValueError):
            raise InputError(f"{url!r:.80} is no address; {expected}") from None
        if parsed.scheme not in ("http", "https") or not host:
            raise InputError(f"{url!r:.80} cannot be opened: only http and https addresses can")
        if not _HOST.fullmatch(host):
            raise InputError(f"{host!r:.80} is no host; {expected}")
        if parsed.userinfo:
            raise InputError(f"{host} cannot be opened with a name or password in its address")
        if port not in PORTS and not self._is_named(host, port):
            raise InputError(f"{host} cannot be opened on port {port}: it is none of web servers")
        return parsed

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """The numbers of a host, all of which may be connected to.

        Raises:
            NetworkError: the name has none, or one that may not be.
        """
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError):
            raise NetworkError(f"{host} cannot be found; check the address") from None
        numbers = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        for number in numbers:
            # One is enough to refuse: which one of them is used is up to chance.
            if not self._may_connect(host, number, port):
                raise NetworkError(
                    f"{host} is not opened: it is on this machine or a private network; "
                    "OSSIA_PRIVATE_HOSTS can allow it"
                )
        return numbers

    def _may_connect(self, host: str, number: str, port: int) -> bool:
        if self._is_named(host, port) or self._is_named(number, port):
            return True
        return is_public(number) and not _is_own(number, port)

    def _is_named(self, host: str, port: int) -> bool:
        """Whether a host was laid open by name, number or network."""
        if {host, f"{host}:{port}", f"[{host}]:{port}"} & self.allowed:
            return True
        try:
            number = ip_address(host)
        except ValueError:
            return False
        networks = (ip_network(each) for each in self.allowed if "/" in each)
        return any(number in network for network in networks)


def is_public(number: str) -> bool:
    """Whether a number is one of the internet, and not of a machine, a network or a protocol."""
    try:
        address = ip_address(number)
    except ValueError:  # such as fe80::1%eth0, which only means something here
        return False
    if isinstance(address, IPv6Address):
        within = address.ipv4_mapped or (
            IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
        )
        if within is not None:
            return is_public(str(within))
        if address not in _GLOBAL_UNICAST:
            return False
    is_never = any(address in network for network in _NEVER if network.version == address.version)
    return address.is_global and not address.is_multicast and not is_never


def host_of(url: httpx.URL) -> str:
    """The host as rules name it: lower case, ASCII, no dot at its end.

    Raises:
        ValueError: it is no international name, although it is written as one.
    """
    _ = url.host  # what is written after xn-- is read by whoever connects
    return url.raw_host.decode("ascii").lower().rstrip(".").strip("[]")


def port_of(url: httpx.URL) -> int:
    """The port that is connected to."""
    return url.port or (443 if url.scheme == "https" else 80)


class GuardedTransport(httpx.AsyncBaseTransport):
    """Connects to the numbers that the guard has looked up, by no proxy and to nothing else.

    Certificates are checked against the name, which the server is told too.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = httpx.AsyncHTTPTransport(verify=ssl.create_default_context(), trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request; redirects are others.

        Raises:
            InputError, NetworkError: nothing may be fetched from there.
            httpx.TransportError: the connection fails.
        """
        url = self._guard.checked(str(request.url))
        host = host_of(url)
        numbers = await self._guard.addresses(host, port_of(url))
        return await self._connect(request, host, numbers)

    async def _connect(
        self, request: httpx.Request, host: str, numbers: Sequence[str]
    ) -> httpx.Response:
        named = {} if host in numbers else {"sni_hostname": host}
        for number in numbers[:4]:
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=number),
                headers=request.headers,  # Host among them, with the name
                stream=request.stream,
                extensions={**request.extensions, **named},
            )
            try:
                return await self._inner.handle_async_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if number == numbers[:4][-1]:
                    raise
        raise httpx.ConnectError("the name stands for no number")

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._inner.aclose()


def _is_own(number: str, port: int) -> bool:
    """Whether a public number is this machine's own, where services of it may listen."""
    family = socket.AF_INET6 if ":" in number else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((number, port))  # sends nothing: the kernel only picks a way
            return str(probe.getsockname()[0]) == number
    except OSError:
        return False
