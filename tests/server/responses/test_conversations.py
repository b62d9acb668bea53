"""Conversations by the official ``openai`` package."""

import openai
import pytest
from openai.types import conversations as types
from openai.types.conversations import ConversationItemList
from tests.server.watched import watched_client

SUM = "What is 27 + 58?"


@pytest.fixture(scope="module")
def client(address):
    with watched_client(address) as made:
        yield made


def say(client, text: str, **fields):
    asked = {"model": "nano", "input": text, "temperature": 0, "max_output_tokens": 300}
    return client.responses.create(**asked | fields)


def test_a_conversation_grows_by_what_is_said(client) -> None:
    talk = client.conversations.create(metadata={"topic": "sums"})
    types.Conversation.model_validate(talk.to_dict())
    first = say(client, SUM, conversation=talk.id)
    assert first.conversation.id == talk.id
    second = say(client, "And 3 + 4?", conversation={"id": talk.id})
    page = client.conversations.items.list(talk.id, order="asc")
    ConversationItemList.model_validate(page.to_dict() | {"object": "list"})
    kinds = ["message", "reasoning", "message"]
    assert [item.type for item in page.data] == kinds * 2
    assert page.data[2].content[0].text == first.output_text
    chained = say(client, "And 3 + 4?", previous_response_id=say(client, SUM).id)
    assert second.usage.input_tokens == chained.usage.input_tokens
    assert second.output_text == chained.output_text


def test_a_conversation_begins_with_items(client) -> None:
    items = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": SUM}]},
        {"role": "assistant", "content": "85"},
    ]
    talk = client.conversations.create(items=items)
    found = client.conversations.items.list(talk.id, order="asc").data
    assert [item.content[0].type for item in found] == ["input_text", "input_text", "output_text"]
    answer = say(client, "Hi", conversation=talk.id)
    whole = say(client, [*items, {"role": "user", "content": "Hi"}], store=False)
    assert answer.usage.input_tokens == whole.usage.input_tokens


def test_items_are_added_read_and_removed(client) -> None:
    talk = client.conversations.create()
    assert client.conversations.items.list(talk.id).data == []
    said = [{"role": "user", "content": f"{number}"} for number in range(5)]
    added = client.conversations.items.create(talk.id, items=said)
    ConversationItemList.model_validate(added.to_dict())
    latest = client.conversations.items.list(talk.id, limit=2)
    assert latest.has_more
    assert [item.content[0].text for item in latest.data] == ["4", "3"]
    assert [i.content[0].text for i in client.conversations.items.list(talk.id, limit=2)] == [
        *("4", "3", "2", "1", "0")
    ]
    third = added.data[2]
    assert client.conversations.items.retrieve(third.id, conversation_id=talk.id) == third
    client.conversations.items.delete(third.id, conversation_id=talk.id)
    with pytest.raises(openai.NotFoundError):
        client.conversations.items.retrieve(third.id, conversation_id=talk.id)
    with pytest.raises(openai.NotFoundError):
        client.conversations.items.delete(third.id, conversation_id=talk.id)
    left = client.conversations.items.list(talk.id, order="asc")
    assert [item.content[0].text for item in left] == ["0", "1", "3", "4"]


def test_metadata_is_changed(client) -> None:
    talk = client.conversations.create(metadata={"a": "1"})
    changed = client.conversations.update(talk.id, metadata={"b": "2"})
    assert changed.metadata == {"b": "2"}
    assert client.conversations.retrieve(talk.id) == changed
    assert changed.created_at == talk.created_at


def test_what_is_deleted_is_gone(client) -> None:
    talk = client.conversations.create(items=[{"role": "user", "content": "Hi"}])
    [item] = client.conversations.items.list(talk.id).data
    deleted = client.conversations.delete(talk.id)
    types.ConversationDeletedResource.model_validate(deleted.to_dict())
    for again in (
        lambda: client.conversations.retrieve(talk.id),
        lambda: client.conversations.delete(talk.id),
        lambda: client.conversations.update(talk.id, metadata={}),
        lambda: client.conversations.items.list(talk.id),
        lambda: client.conversations.items.create(talk.id, items=[{"role": "user", "content": ""}]),
        lambda: client.conversations.items.retrieve(item.id, conversation_id=talk.id),
        lambda: say(client, "Hi", conversation=talk.id),
    ):
        with pytest.raises(openai.NotFoundError):
            again()


def test_what_fails_adds_nothing(client) -> None:
    talk = client.conversations.create()
    with pytest.raises(openai.BadRequestError):
        say(client, "word " * 200_000, conversation=talk.id)
    assert client.conversations.items.list(talk.id).data == []
    say(client, SUM, conversation=talk.id, store=False)
    assert len(client.conversations.items.list(talk.id).data) == 3
