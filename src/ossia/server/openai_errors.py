"""Errors as OpenAI's API tells them, whose package makes exceptions of them by status and code.

Source: OpenAI's API reference, error codes, and the ``openai`` package's exceptions.
"""

from typing import Any

from ossia.base.errors import BusyError, ContextError, InputError, OssiaError, ResourceError
from ossia.server.errors import RequestError, status_of

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def error_of(error: RequestError | OssiaError, subject: str | None = None) -> RequestError:
    """An error of the rooms below as one with status, code and field.

    Args:
        subject: the field that holds what the model reads, for a prompt that is too long.
    """
    match error:
        case RequestError():
            return error
        case ContextError():
            return RequestError(400, str(error), "context_length_exceeded", subject)
        case InputError():
            return RequestError(status_of(error), str(error), "invalid_value")
        case BusyError():
            return RequestError(status_of(error), str(error), "rate_limit_exceeded")
        case ResourceError():
            return RequestError(status_of(error), str(error), "overloaded")
    return RequestError(status_of(error), str(error), "server_error")


def error_body(error: RequestError) -> dict[str, Any]:
    """The object that a client is told, in a body or within a stream."""
    usual = "invalid_request_error" if error.status < 500 else "server_error"
    return {
        "error": {
            "message": str(error),
            "type": _TYPES.get(error.status, usual),
            "param": error.param,
            "code": error.code,
        }
    }
