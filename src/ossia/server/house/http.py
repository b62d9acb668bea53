"""How the house answers: JSON, errors as OpenAI's, and what takes a while as lines of JSON.

Knows HTTP; does not know what is asked.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from ossia.server.exchange import Endpoint, Fault, Form, Wire, answered, compact, handled
from ossia.server.openai_errors import error_body, error_of
from ossia.server.validation import validated

Query = TypeVar("Query", bound=BaseModel)


def _fault(error: Fault) -> tuple[int, Wire]:
    known = error_of(error)
    return known.status, error_body(known)


FORM = Form("application/x-ndjson", lambda piece: compact(piece) + "\n", _fault)


def with_body(handle: Callable[[Request, Any], Awaitable[Response]]) -> Endpoint:
    """A route's function that is told the JSON of its request."""
    return handled(FORM, handle)


def without_body(handle: Callable[[Request], Awaitable[Response]]) -> Endpoint:
    """A route's function whose request says all in its address, or is no JSON."""
    return answered(FORM, handle)


def query_of(kind: type[Query], http: Request) -> Query:
    """What the address says behind its question mark.

    Raises:
        RequestError: it is not as it has to be.
    """
    return validated(kind, dict(http.query_params))
