"""Errors as Anthropic's API tells them, whose packages make exceptions of them by status and type.

Source: the ``anthropic`` package's exceptions and its types of errors.
"""

import secrets
from typing import Any

from ossia.base.errors import OssiaError
from ossia.server.errors import RequestError, status_of

OVERLOADED = 529

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    OVERLOADED: "overloaded_error",
}


def status_for(error: RequestError | OssiaError) -> int:
    """The status of an error: what the machine lacks room for is its own word here."""
    status = error.status if isinstance(error, RequestError) else status_of(error)
    return OVERLOADED if status == 503 else status


def error_body(error: RequestError | OssiaError) -> dict[str, Any]:
    """The object that a client is told, in a body or within a stream."""
    status = status_for(error)
    usual = "invalid_request_error" if status < 500 else "api_error"
    return {
        "type": "error",
        "error": {"type": _TYPES.get(status, usual), "message": str(error)},
        "request_id": f"req_{secrets.token_hex(12)}",
    }
