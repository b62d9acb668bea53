"""``openai-agents`` against nano in a server's process: tools, a hand-off, streams, sessions.

nano does not yet choose well among functions by itself, so each turn says which it has to call, as
the package lets its users do. The arguments are nano's own, within the functions' schemas.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Literal

import pytest
from agents import (
    Agent,
    ModelSettings,
    OpenAIConversationsSession,
    OpenAIResponsesModel,
    RunConfig,
    RunContextWrapper,
    RunHooks,
    Runner,
    RunResult,
    RunResultStreaming,
    Tool,
    function_tool,
)
from agents.items import HandoffCallItem, HandoffOutputItem, ToolCallItem, ToolCallOutputItem
from openai import AsyncOpenAI
from pydantic import BaseModel
from tests.server.watched import watched_async_client

QUIET = RunConfig(tracing_disabled=True)
COLD = ModelSettings(temperature=0, max_tokens=400)


class InTurn(RunHooks[None]):
    """Says behind each function which is to be called next."""

    def __init__(self) -> None:
        self.called: list[tuple[str, str]] = []

    async def on_tool_end(
        self, _context: RunContextWrapper[None], agent: Agent[None], tool: Tool, result: object
    ) -> None:
        self.called.append((tool.name, str(result)))
        agent.model_settings = calling({"add": "spell", "spell": "transfer_to_writer"}[tool.name])


def calling(name: str) -> ModelSettings:
    """Settings with which one function is called."""
    return COLD.resolve(ModelSettings(tool_choice=name))


@function_tool
def add(a: Literal[27], b: Literal[58]) -> int:
    """Adds two numbers."""
    return a + b


@function_tool
async def spell(number: Literal[85]) -> str:
    """Spells a number."""
    return "eighty-five" if number == 85 else "?"


def desk(client: AsyncOpenAI) -> Agent[None]:
    """An agent with two functions, and another that it can hand over to."""
    model = OpenAIResponsesModel("nano", client)
    writer = Agent[None](
        name="writer", instructions="Answer the user.", model=model, model_settings=COLD
    )
    return Agent[None](
        name="desk",
        instructions="Use the functions, then hand over.",
        model=model,
        model_settings=calling("add"),
        tools=[add, spell],
        handoffs=[writer],
        reset_tool_choice=False,
    )


def with_client(address: str, work: Callable[[AsyncOpenAI], Any]) -> None:
    """Does something on an event loop with a client whose every answer is checked."""

    async def run() -> None:
        async with watched_async_client(address) as client:
            await work(client)

    asyncio.run(run())


def check_course(result: RunResult | RunResultStreaming, hooks: InTurn) -> None:
    """Both functions were called, then the other agent took over and answered."""
    assert hooks.called == [("add", "85"), ("spell", "eighty-five")]
    kinds = [type(item) for item in result.new_items]
    order = [ToolCallItem, ToolCallOutputItem] * 2 + [HandoffCallItem, HandoffOutputItem]
    assert [kind for kind in kinds if kind in order] == order
    assert result.last_agent.name == "writer"
    assert result.final_output
    assert result.context_wrapper.usage.requests == 4
    assert result.context_wrapper.usage.output_tokens_details.reasoning_tokens > 0


@pytest.mark.parametrize("is_kept", [False, True])
def test_two_functions_and_a_hand_off(address: str, is_kept: bool) -> None:
    """Items sent again each turn, or only what is new behind ``previous_response_id``."""

    async def work(client: AsyncOpenAI) -> None:
        hooks = InTurn()
        question = "What is 27 + 58, in words?"
        result = await Runner.run(
            desk(client),
            question,
            hooks=hooks,
            run_config=QUIET,
            auto_previous_response_id=is_kept,
        )
        check_course(result, hooks)
        last = await client.responses.retrieve(result.last_response_id or "")
        assert (last.previous_response_id is not None) == is_kept

    with_client(address, work)


def test_the_same_as_a_stream(address: str) -> None:
    async def work(client: AsyncOpenAI) -> None:
        hooks = InTurn()
        result = Runner.run_streamed(
            desk(client), "What is 27 + 58, in words?", hooks=hooks, run_config=QUIET
        )
        said, names = "", []
        async for event in result.stream_events():
            if event.type == "raw_response_event":
                if event.data.type == "response.output_text.delta":
                    said += event.data.delta
            elif event.type == "run_item_stream_event":
                names.append(event.name)
        check_course(result, hooks)
        assert said.endswith(result.final_output)
        assert names.count("tool_called") == names.count("tool_output") == 2
        assert names[-1] == "message_output_created"
        assert "handoff_occured" in names  # so the package spells it

    with_client(address, work)


def test_a_typed_answer(address: str) -> None:
    class Sum(BaseModel):
        a: int
        is_sure: bool

    async def work(client: AsyncOpenAI) -> None:
        model = OpenAIResponsesModel("nano", client)
        agent = Agent[None](name="sums", model=model, model_settings=COLD, output_type=Sum)
        result = await Runner.run(agent, "What is 27 + 58?", run_config=QUIET)
        assert isinstance(result.final_output, Sum)

    with_client(address, work)


def test_a_session_on_the_server(address: str) -> None:
    """The package's sessions are conversations here."""

    async def work(client: AsyncOpenAI) -> None:
        model = OpenAIResponsesModel("nano", client)
        agent = Agent[None](name="greeter", model=model, model_settings=COLD)
        session = OpenAIConversationsSession(openai_client=client)
        for question in ("What is 27 + 58?", "Hi"):
            await Runner.run(agent, question, session=session, run_config=QUIET)
        items = await session.get_items()
        assert [item.get("role", item.get("type")) for item in items] == [
            *("user", "reasoning", "assistant"),
            *("user", "reasoning", "assistant"),
        ]
        await session.pop_item()
        assert len(await session.get_items()) == 5
        await session.clear_session()

    with_client(address, work)
