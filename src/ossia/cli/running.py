"""Talks to the server of this computer."""

import http.client
import json
from typing import Any

from ossia.base import settings
from ossia.base.errors import InputError

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where somebody listens who listens everywhere."""


def ask(method: str, path: str, host: str | None, port: int | None) -> Any:
    """The JSON that the server answers; where none is named, the one that OSSIA_HOST names.

    Raises:
        InputError: no server answers there, or it refuses.
    """
    usual_host, usual_port = settings.server()
    host, port = host or usual_host, usual_port if port is None else port
    key = settings.api_key()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        connection = http.client.HTTPConnection(_ANY.get(host, host), port, timeout=30)
    except ValueError:
        raise InputError(f"{host!r:.60} is no address") from None
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        document = json.loads(response.read())
    except (OSError, ValueError, http.client.HTTPException):
        raise InputError(
            f"no ossia serve answers at {host}:{port}; start it, or name another with --port"
        ) from None
    finally:
        connection.close()
    if response.status == 401:
        raise InputError(f"the server at {host}:{port} wants a key; set OSSIA_API_KEY to one")
    if response.status >= 400:
        raise InputError(str(document.get("error", {}).get("message", response.reason)))
    return document
