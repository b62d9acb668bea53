"""How OpenAI's endpoints answer over HTTP: one JSON object, or server-sent events and ``[DONE]``.

Source: OpenAI's API reference on streaming and errors, and the ``openai`` package.
"""

from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ossia.server.errors import RequestError
from ossia.server.exchange import (
    Endpoint,
    Fault,
    Form,
    Wire,
    client_of,
    compact,
    handled,
    streamed,
    unless_gone,
)
from ossia.server.openai_errors import error_body, error_of


class Job(Protocol):
    """An answer that can be had in both forms."""

    def chunks(self) -> AsyncGenerator[Wire, None]:
        """The objects of a stream."""

    async def whole(self) -> Wire:
        """One object."""


def form(subject: str | None = None) -> Form:
    """How answers and errors are said.

    Args:
        subject: the field that holds what the model reads, for prompts that are too long.
    """

    def fault(error: Fault) -> tuple[int, Wire]:
        known = error_of(error, subject)
        return known.status, error_body(known)

    return Form("text/event-stream", _event, fault, end="data: [DONE]\n\n", idle=": \n\n")


def endpoint(start: Callable[[Any, str], Job], subject: str) -> Endpoint:
    """A route's function, for an answer in either form.

    Args:
        start: makes a job of a request's JSON and of the name of who sent it.
        subject: see ``form``.
    """
    said = form(subject)

    async def answer(request: Request, document: Any) -> Response:
        job = start(document, client_of(request))
        if document.get("stream"):
            return await streamed(request, said, job.chunks())
        return JSONResponse(await unless_gone(request, job.whole()))

    return handled(said, answer)


def refusal(error: RequestError) -> Response:
    """An error as a response."""
    return form().refusal(error)


def _event(piece: Wire) -> str:
    return f"data: {compact(piece)}\n\n"
