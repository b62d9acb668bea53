"""What outlives a request: responses, conversations and their items, in one SQLite file.

Knows rows, time and size; knows neither HTTP nor what the items mean to a model.
"""

from ossia.server.store.database import Limits
from ossia.server.store.opening import open_store
from ossia.server.store.search import Hit
from ossia.server.store.store import Page, Place, Store, StoredResponse

__all__ = ["Hit", "Limits", "Page", "Place", "Store", "StoredResponse", "open_store"]
