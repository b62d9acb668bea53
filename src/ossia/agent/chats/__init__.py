"""Chats that are kept: trees of what was said, found again and gone on with.

Knows rows, trees and their words; knows neither terminals nor HTTP. An item is a JSON object as
OpenAI's Responses have them, so that a chat that began in one face goes on in another.
"""

from ossia.agent.chats.chat import Chat, Head, Node, title_of, words_of
from ossia.agent.chats.export import as_document, as_markdown, from_document
from ossia.agent.chats.items import items_of, messages_of, told_of
from ossia.agent.chats.store import Chats, HeadPage, open_chats

__all__ = [
    "Chat",
    "Chats",
    "Head",
    "HeadPage",
    "Node",
    "as_document",
    "as_markdown",
    "from_document",
    "items_of",
    "messages_of",
    "open_chats",
    "title_of",
    "told_of",
    "words_of",
]
