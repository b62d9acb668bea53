"""The one door to the network: whatever ossia asks a hub goes through here.

Knows addresses, redirects, the token, time-outs, and which failures may pass; knows no models. The
token goes to the hub's own host and to no other that a redirect leads to. Proxies are those of the
standard library, from HTTPS_PROXY and NO_PROXY. urllib is used because its responses give bytes at
2.6 GB/s on one core; httpx gave 0.7.
"""

import functools
import http.client
import random
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from ossia.base import settings
from ossia.base.errors import NetworkError
from ossia.base.version import VERSION

TIMEOUT = 30.0
"""Seconds without a byte, after which a connection counts as cut."""

Response = http.client.HTTPResponse

_MAX_REDIRECTS = 6
_REDIRECTS = {301, 302, 303, 307, 308}
_PASSING = {408, 425, 429, 500, 502, 503, 504}

T = TypeVar("T")


class PassingError(Exception):
    """A failure that may pass. Never reaches a user: whoever loses patience says what it was.

    Attributes:
        wait: seconds that the hub asks to wait, where it does.
        is_wrong: whether an answer came and was wrong, which few attempts are for.
    """

    def __init__(self, reason: str, wait: float | None = None, *, is_wrong: bool = False) -> None:
        super().__init__(reason)
        self.wait = wait
        self.is_wrong = is_wrong


class RefusedError(Exception):
    """The hub does not give what was asked for: 401, 403, 404 and their like.

    Attributes:
        code: the hub's own word for it, such as GatedRepo.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code} {message}".strip())
        self.status, self.code = status, code


@dataclass(frozen=True)
class Patience:
    """How often something is tried, and how long is waited in between.

    Attributes:
        attempts: without getting anything, until one gives up.
        first, longest: seconds of the first and the longest wait; each is twice the one before,
            less up to a half by chance, so that many who were cut do not come back at once.
        longest_asked: seconds that are waited at most when a hub asks for it.
    """

    attempts: int = 8
    first: float = 1.0
    longest: float = 30.0
    longest_asked: float = 600.0

    def delay(self, num_failures: int, interruption: PassingError) -> float:
        """Seconds to wait after so many failures on end.

        Raises:
            NetworkError: they were too many, or the hub asks for too long a wait.
        """
        attempts = min(self.attempts, 3) if interruption.is_wrong else self.attempts
        asked = interruption.wait
        if num_failures >= attempts or (asked is not None and asked > self.longest_asked):
            later = "" if asked is None else f"; it asks to come back in {asked:,.0f} s"
            tries = "once" if num_failures == 1 else f"{num_failures} times"
            raise NetworkError(f"{interruption} (tried {tries}{later})")
        if asked is not None:
            return asked + random.uniform(0, self.first)
        return random.uniform(0.5, 1) * min(self.longest, self.first * 2.0 ** (num_failures - 1))

    def keep_trying(self, action: Callable[[], T]) -> T:
        """What an action gives in the end.

        Raises:
            NetworkError: it never did.
        """
        num_failures = 0
        while True:
            try:
                return action()
            except PassingError as interruption:
                num_failures += 1
                time.sleep(self.delay(num_failures, interruption))


def open_url(url: str, byte_range: tuple[int, int] | None = None) -> Response:
    """A successful response (200, or 206 for a range), whose ``url`` is where it came from.

    Args:
        byte_range: the first and the last byte, if not all are wanted.

    Raises:
        PassingError: it may go better the next time.
        RefusedError: the hub will not give it.
        NetworkError: the network is forbidden, or the way is not safe.
    """
    if settings.is_offline():
        raise NetworkError(
            "the network is forbidden here (OSSIA_OFFLINE or HF_HUB_OFFLINE is set); "
            f"{host_of(url)} was not asked"
        )
    for _ in range(_MAX_REDIRECTS):
        _check(url)
        response = _send(url, byte_range)
        if response.status not in _REDIRECTS:
            return _successful(response, url)
        with response:
            url = urljoin(url, response.headers.get("Location", ""))
    raise PassingError(f"{host_of(url)} redirects without an end", is_wrong=True)


def is_at_hub(url: str) -> bool:
    """Whether an address is at the hub itself, where the token may go."""
    return _origin(url) == _origin(settings.hugging_face_endpoint())


def host_of(url: str) -> str:
    """The host of an address, for messages."""
    return urlsplit(url).hostname or url


class _AsTheyCome(urllib.request.HTTPErrorProcessor):
    """Leaves redirects and errors to ``open_url``."""

    def http_response(self, _request: urllib.request.Request, response: Response) -> Response:
        return response

    def https_response(self, _request: urllib.request.Request, response: Response) -> Response:
        return response


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _send(url: str, byte_range: tuple[int, int] | None) -> Response:
    """One request and the head of its response, whatever its status."""
    request = urllib.request.Request(url, headers={"User-Agent": f"ossia/{VERSION}"})
    if byte_range is not None:
        request.add_header("Range", f"bytes={byte_range[0]}-{byte_range[1]}")
    if is_at_hub(url) and (token := settings.hugging_face_token()) is not None:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=_tls()), _AsTheyCome)
    try:
        response = opener.open(request, timeout=TIMEOUT)
    except urllib.error.URLError as error:
        raise _failure(url, error.reason) from None
    except (OSError, http.client.HTTPException) as error:
        raise _failure(url, error) from None
    assert isinstance(response, Response), "no other scheme gets here"
    return response


def _failure(url: str, reason: object) -> PassingError | NetworkError:
    """What it means that no response came."""
    host = host_of(url)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return NetworkError(
            f"{host} does not prove who it is ({reason.verify_message}); "
            "a proxy may stand between: SSL_CERT_FILE can name its certificate"
        )
    if isinstance(reason, TimeoutError):
        return PassingError(f"{host} does not answer")
    what = (reason.strerror or reason) if isinstance(reason, OSError) else reason
    return PassingError(f"{host} cannot be reached: {str(what) or type(what).__name__:.200}")


def _check(url: str) -> None:
    """Refuses addresses that are neither https nor what HF_ENDPOINT says in so many words."""
    parts = urlsplit(url)
    is_plain_allowed = settings.hugging_face_endpoint().startswith("http://")
    if parts.scheme == "https" or (parts.scheme == "http" and is_plain_allowed):
        return
    raise NetworkError(f"the hub leads to {url!r:.80}, which is not https; nothing was sent there")


def _successful(response: Response, url: str) -> Response:
    status, headers = response.status, response.headers
    if status in (200, 206):
        if headers.get("Content-Encoding", "identity") == "identity":
            response.url = url
            return response
        response.close()
        raise PassingError(f"{host_of(url)} sends files in another encoding", is_wrong=True)
    response.close()
    if status in _PASSING:
        raise PassingError(f"{host_of(url)} is busy or broken ({status})", _asked_wait(response))
    if not is_at_hub(url):  # addresses of files are good for an hour or so
        raise PassingError(f"{host_of(url)} refuses what the hub led to ({status})", is_wrong=True)
    raise RefusedError(status, headers.get("X-Error-Code", ""), headers.get("X-Error-Message", ""))


def _asked_wait(response: Response) -> float | None:
    """Seconds of Retry-After (RFC 9110), as a number or a date; or of RateLimit."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    if value:
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
        except ValueError:
            return None
    reset = re.search(r"\bt=(\d{1,9})\b", response.headers.get("RateLimit", ""))
    return float(reset[1]) if reset else None


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    port = parts.port or {"https": 443}.get(parts.scheme, 80)
    return parts.scheme, parts.hostname or "", port
