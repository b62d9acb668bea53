"""Documents of this machine: files to text, and an index of whole folders to search in.

Knows formats and SQLite; knows nothing of models, tools' calls or the network.
"""

from ossia.tools.documents.document import Document
from ossia.tools.documents.folder import Report, update
from ossia.tools.documents.index import Folder, Index, Passage
from ossia.tools.documents.read import read_document, read_file

__all__ = [
    "Document",
    "Folder",
    "Index",
    "Passage",
    "Report",
    "read_document",
    "read_file",
    "update",
]
