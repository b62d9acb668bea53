"""``/ossia/documents``: a file to text that a model can be shown, and how many tokens it takes.

Knows files' bytes and vocabularies; which formats there are ``tools.documents`` knows.
"""

import asyncio
import re
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ossia.checkpoint import open_checkpoint
from ossia.model import Config
from ossia.server.house.http import query_of, without_body
from ossia.server.house.schema import DocumentQuery
from ossia.server.models import LocalModels
from ossia.server.vocabulary import vocabulary
from ossia.tools.documents.read import Kind, kind_of, read_document

AT_ONCE = 2
"""Documents that are read at the same time: each may take a process and much memory."""

_PAGE = re.compile(r"^\[page (\d+)\]$", re.MULTILINE)
_CUT = re.compile(r"\n\[(the rest is left out: [\d,]+ characters)\]$")


def document_routes(models: LocalModels) -> list[Route]:
    """The routes."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def read(http: Request) -> Response:
        asked, data = query_of(DocumentQuery, http), await http.body()
        place = None if asked.model is None else models.find(asked.model)
        async with turns:
            return JSONResponse(await asyncio.to_thread(_read, data, asked.name, place))

    return [Route("/ossia/documents", without_body(read), methods=["POST"])]


def _read(data: bytes, name: str, place: Path | None) -> dict[str, Any]:
    """A document as text.

    Args:
        place: of the model that is to read it.

    Raises:
        InputError: it is no document that can be read.
    """
    kind, document = kind_of(data, name), read_document(data, name)
    warnings, tokens = [], None
    if cut := _CUT.search(document.text):
        warnings.append(cut[1])
    if place is not None:
        tokens = len(vocabulary(place).encode(document.text))
        context = Config.from_mapping(open_checkpoint(place).config).max_context
        if tokens > context:
            warnings.append(f"it has {tokens:,} tokens, and the model reads {context:,}")
    return {
        "name": name,
        "kind": str(kind),
        "text": document.text,
        "tokens": tokens,
        "pages": _num_pages(document.text) if kind is Kind.PDF else None,
        "warnings": warnings,
    }


def _num_pages(text: str) -> int:
    """The last page that has text."""
    return max((int(number) for number in _PAGE.findall(text)), default=1)
