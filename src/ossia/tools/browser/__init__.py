"""Search, pages, and places in them: gpt-oss's browser, and the citations that come of it.

Knows pages and how to get them; knows nothing of conversations and of who may do what.
"""

from ossia.tools.browser.citations import Citation, citations, without_citations
from ossia.tools.browser.engines import configured_engine
from ossia.tools.browser.fetch import Fetcher
from ossia.tools.browser.guard import Guard
from ossia.tools.browser.local import LocalDocuments
from ossia.tools.browser.search import Hit, SearchBackend
from ossia.tools.browser.tool import BrowserTool

__all__ = [
    "BrowserTool",
    "Citation",
    "Fetcher",
    "Guard",
    "Hit",
    "LocalDocuments",
    "SearchBackend",
    "citations",
    "configured_engine",
    "without_citations",
]
