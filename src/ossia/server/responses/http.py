"""How Responses and Conversations answer over HTTP: JSON, lists by pages, events with their names.

Knows HTTP; does not know what is asked.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ossia.server.exchange import Endpoint, Fault, Form, Wire, answered, compact, handled
from ossia.server.openai_errors import error_body, error_of
from ossia.server.responses.schema import PageQuery
from ossia.server.store import Page
from ossia.server.validation import validated, wrong

Query = TypeVar("Query", bound=BaseModel)


def _encode(event: Wire) -> str:
    return f"event: {event.get('type', 'error')}\ndata: {compact(event)}\n\n"


def _fault(error: Fault) -> tuple[int, Wire]:
    known = error_of(error, "input")
    return known.status, error_body(known)


FORM = Form("text/event-stream", _encode, _fault, idle=": \n\n")


def with_body(handle: Callable[[Request, Any], Awaitable[Response]]) -> Endpoint:
    """A route's function that is told the JSON of its request."""
    return handled(FORM, handle)


def without_body(handle: Callable[[Request], Awaitable[Response]]) -> Endpoint:
    """A route's function whose request says all in its address."""
    return answered(FORM, handle)


def query_of(kind: type[Query], request: Request) -> Query:
    """What the address says behind its question mark.

    Raises:
        RequestError: it is not as it has to be.
    """
    return validated(kind, dict(request.query_params))


def listed(page: Page) -> Response:
    """A part of a list."""
    ids = [item["id"] for item in page.items]
    first, last = (ids[0], ids[-1]) if ids else ("", "")  # OpenAI's document has them be text
    more = {"first_id": first, "last_id": last, "has_more": page.has_more}
    return JSONResponse({"object": "list", "data": page.items, **more})


def page_of(items: list[Wire], query: PageQuery) -> Page:
    """A part of all items.

    Raises:
        RequestError: there is no item ``after``.
    """
    ordered = items[::-1] if query.order == "desc" else items
    if query.after is not None:
        places = [place for place, item in enumerate(ordered) if item["id"] == query.after]
        if not places:
            raise no_such_item("after", query.after)
        ordered = ordered[places[0] + 1 :]
    return Page(ordered[: query.limit], len(ordered) > query.limit)


def no_such_item(name: str, item_id: str) -> Exception:
    """An item that is not in a list."""
    return wrong(name, f"no item {item_id!r:.80} is in this list")
