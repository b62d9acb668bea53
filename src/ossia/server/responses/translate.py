"""A request and its items to what the house asks for. Pure: it knows no model, no store, no HTTP.

What would change the answer and cannot be done is refused with its place; what can be left out
without harm is left, and told in a warning.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ossia.agent.chats import told_of
from ossia.agent.transcript import Transcript
from ossia.chat import Demands, Settings, Terms
from ossia.harmony import Effort, Message, ResponseFormat
from ossia.server.asked import Asked
from ossia.server.conversation import Conversation
from ossia.server.recall import Recall
from ossia.server.responses.items import Item, text_of
from ossia.server.responses.schema import PromptRequest, ResponseRequest
from ossia.server.responses.sealing import Seal
from ossia.server.responses.tools import Toolbox, choice_of, toolbox, whole_name
from ossia.server.validation import missing, wrong

_EFFORTS = {"none": Effort.LOW, "minimal": Effort.LOW, "xhigh": Effort.HIGH, "max": Effort.HIGH}
"""Efforts that other models have, as the nearest that gpt-oss was trained with."""

LOGPROBS = "message.output_text.logprobs"
SEALED_REASONING = "reasoning.encrypted_content"


@dataclass(frozen=True)
class Prompt:
    """What the model reads, and what is enforced of its answer.

    Attributes:
        warnings: what was left out, for the client.
        served: names of the tools of the server that the model may use.
        calls: ids of the calls of such tools that were made before.
    """

    messages: tuple[Message, ...]
    demands: Demands
    box: Toolbox
    warnings: tuple[str, ...]
    served: tuple[str, ...] = ()
    calls: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Memory:
    """What the server knows of reasoning that the client does not show."""

    recall: Recall
    seal: Seal


def prompt_of(
    request: PromptRequest,
    items: Sequence[tuple[str, Item]],
    today: str | None,
    persona: Transcript,
    memory: Memory,
    enabled: frozenset[str] = frozenset(),
) -> Prompt:
    """What a request asks the model to read.

    Args:
        enabled: names of the tools that run on this server.
        items: all that was said, with the places of those that the request has itself.
        today: the date that the model is told.
        persona: what the model's name stands for, where the request says nothing else.

    Raises:
        RequestError: a field asks for what cannot be given.
        InputError: the same, found by a room below.
    """
    more = [tool for _, item in items for tool in _additional(item)]
    tools = [*(request.tools or []), *more]
    box = toolbox(tools, enabled)
    choice = choice_of(request.tool_choice, box, has_tools=bool(tools))
    talk = _Talk(box, memory)
    if request.instructions is not None:
        talk.conversation.instruct(request.instructions)
    elif persona.instructions is not None and not any(_instructs(item) for _, item in items):
        talk.conversation.instruct(persona.instructions)
    for where, item in items:
        talk.say(item, where)
    effort = request.reasoning.effort if request.reasoning else None
    messages = talk.conversation.messages(
        _EFFORTS.get(effort or "") or Effort(effort or persona.effort),
        today,
        box.offer(choice.allowed),
        _form(request),
    )
    demands = Demands(
        tool_choice=choice.choice,
        strict_tools=box.strict(choice.allowed),
        reasoning_limit=0 if effort == "none" else None,
    )
    warnings = (*box.warnings, *choice.warnings, *talk.warnings)
    allowed = choice.allowed
    served = tuple(name for name in box.served if allowed is None or name in allowed)
    return Prompt(messages, demands, box, warnings, served, frozenset(talk.calls))


def asked_of(request: ResponseRequest, prompt: Prompt, usual: Settings, client: str) -> Asked:
    """All that a model is asked.

    Args:
        usual: how tokens are chosen where the request says nothing.
        client: whose request it is; it may tell a user of that client.

    Raises:
        RequestError: a field asks for what cannot be given.
    """
    if request.prompt is not None:
        what = "prompts are kept on OpenAI's machines; send instructions and input instead"
        raise wrong("prompt", what, "unsupported_parameter")
    has_logprobs = request.includes(LOGPROBS) or request.top_logprobs is not None
    given: dict[str, Any] = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": None if request.seed is None else request.seed % 2**64,
        "max_tokens": request.max_output_tokens,
        "num_logprobs": (request.top_logprobs or 0) if has_logprobs else None,
    }
    settings = replace(usual, **{name: each for name, each in given.items() if each is not None})
    terms = Terms(
        client="/".join(filter(None, (client, request.safety_identifier or request.user)))
    )
    return Asked(prompt.messages, settings, prompt.demands, terms)


def _form(request: PromptRequest) -> ResponseFormat | None:
    form = request.text.format if request.text else None
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return ResponseFormat("object", {"type": "object"})
    for name in ("name", "schema"):
        if getattr(form, "schema_" if name == "schema" else name) is None:
            raise missing(f"text.format.{name}")
    return ResponseFormat(form.name or "", form.schema_ or {}, form.description or "")


def _additional(item: Item) -> list[Item]:
    return item["tools"] if item.get("type") == "additional_tools" else []


def _instructs(item: Item) -> bool:
    return item.get("type") == "message" and item.get("role") in ("system", "developer")


class _Talk:
    """Items put into a conversation, one after the other."""

    def __init__(self, box: Toolbox, memory: Memory) -> None:
        self.conversation = Conversation(box.names)
        self.warnings: list[str] = []
        self.calls: set[str] = set()  # of tools of the server
        self._memory = memory
        self._has_thought = False  # since the last that came from outside

    def say(self, item: Item, where: str) -> None:
        """Adds one item.

        Raises:
            RequestError: it is a result of no call.
        """
        match item["type"]:
            case "message":
                self._message(item, where)
            case "reasoning":
                self._reasoning(item, where)
            case "function_call" | "custom_tool_call":
                self._call(item)
            case "function_call_output" | "custom_tool_call_output":
                call_id = item["call_id"]
                if not self.conversation.has_call(call_id):
                    what = f"no call before it has the id {call_id!r:.80}"
                    raise wrong(f"{where}.call_id", what)
                self.conversation.result(call_id, text_of(item["output"], f"{where}.output"))
                self._has_thought = False
            case "web_search_call" | "code_interpreter_call":
                self._served(item, where)
            case "additional_tools":
                pass
            case kind:
                self.warnings.append(f"{where}: items of type {kind!r:.40} are left out")

    def _message(self, item: Item, where: str) -> None:
        text = text_of(item["content"], f"{where}.content")
        match item["role"]:
            case "system" | "developer":
                self.conversation.instruct(text)
            case "user":
                self.conversation.ask(text)
                self._has_thought = False
            case _:
                self.conversation.answer(text)

    def _reasoning(self, item: Item, where: str) -> None:
        """What the model thought: as it stands, else what was sealed, else what is left of it."""
        text = "".join(part["text"] for part in item.get("content") or [])
        if not text and (sealed := item.get("encrypted_content")):
            opened = self._memory.seal.open(sealed)
            if opened is None:
                self.warnings.append(f"{where}: its encrypted_content was not made here")
            text = opened or ""
        text = text or "\n\n".join(part["text"] for part in item["summary"])
        if text:
            self.conversation.think(text)
            self._has_thought = True

    def _served(self, item: Item, where: str) -> None:
        """A call of a tool of this server, with what came of it."""
        self.calls.add(item["id"])
        told = told_of(item)
        if told is None:
            self.warnings.append(f"{where}: its result is not in it, so that it is left out")
        else:
            self.conversation.use(*told)
            self._has_thought = False

    def _call(self, item: Item) -> None:
        call_id = item["call_id"]
        if not self._has_thought and (thought := self._memory.recall.find(call_id)):
            self.conversation.think(thought)
            self._has_thought = True
        if item["type"] == "custom_tool_call":
            arguments = json.dumps({"input": item["input"]}, ensure_ascii=False)
        else:
            arguments = item["arguments"]
        self.conversation.call(call_id, whole_name(item.get("namespace"), item["name"]), arguments)
