"""Talks to the server of this computer."""

import http.client
import json
from typing import Any

from ossia.base.errors import InputError


def ask(method: str, path: str, host: str, port: int) -> Any:
    """The JSON that the server answers.

    Raises:
        InputError: no server answers there, or it refuses.
    """
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        document = json.loads(response.read())
    except (OSError, ValueError, http.client.HTTPException):
        raise InputError(
            f"no ossia serve answers at {host}:{port}; start it, or name another with --port"
        ) from None
    finally:
        connection.close()
    if response.status >= 400:
        raise InputError(str(document.get("error", {}).get("message", response.reason)))
    return document
