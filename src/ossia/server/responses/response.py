"""The response object: every field that OpenAI's API gives it, whatever was asked. Pure.

Source: OpenAI's API reference, the response object, and the ``openai`` package's type of it. What
ossia has beside it stands under ``ossia``.
"""

from typing import Any

from ossia.base.errors import BusyError, InputError, OssiaError
from ossia.chat import Done, Settings, Usage
from ossia.server.errors import RequestError
from ossia.server.responses.schema import ResponseRequest
from ossia.server.responses.tools import echoed

Json = dict[str, Any]

_ELSEWHERE = (
    "access_programs",
    "image",
    "input_transformations",
    "moderation",
    "prompt_cache_diagnostics",
    "prompt_cache_options",
    "tool_usage",
)
"""Fields that tell of what runs on OpenAI's machines alone."""


def new_response(
    request: ResponseRequest, response_id: str, now: float, usual: Settings, warnings: list[str]
) -> Json:
    """A response that nobody has begun to make.

    Args:
        now: seconds since 1970.
        usual: how tokens are chosen where the request says nothing.
    """
    conversation = request.conversation_id
    return {
        "id": response_id,
        "object": "response",
        "created_at": int(now),
        "completed_at": None,
        "status": "queued" if request.background else "in_progress",
        "background": bool(request.background),
        "error": None,
        "incomplete_details": None,
        "instructions": request.instructions,
        "conversation": {"id": conversation} if conversation else None,
        "previous_response_id": request.previous_response_id,
        "model": request.model,
        "output": [],
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "tool_choice": "auto" if request.tool_choice is None else request.tool_choice,
        "tools": echoed(request.tools or []),
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": request.max_tool_calls,
        "reasoning": _reasoning(request),
        "text": _text(request),
        "temperature": usual.temperature if request.temperature is None else request.temperature,
        "top_p": usual.top_p if request.top_p is None else request.top_p,
        "top_logprobs": request.top_logprobs or 0,
        "truncation": request.truncation or "disabled",
        "store": request.is_stored,
        "service_tier": "default",
        "metadata": request.metadata or {},
        "prompt": None,
        "prompt_cache_key": request.prompt_cache_key,
        "prompt_cache_retention": request.prompt_cache_retention,
        "safety_identifier": request.safety_identifier,
        "user": request.user,
        "usage": None,
        **dict.fromkeys(_ELSEWHERE),
        "ossia": {"warnings": warnings},
    }


def ended(response: Json, done: Done, output: list[Json], now: float) -> Json:
    """A response that is complete, or as complete as it could be."""
    is_whole = done.reason not in ("length", "deadline")
    told = {
        "reason": str(done.reason),
        "seed": done.seed,
        "repairs": [str(repair) for repair in done.repairs],
        "loops": done.num_loops,
    }
    return response | {
        "status": "completed" if is_whole else "incomplete",
        "completed_at": int(now) if is_whole else None,
        "incomplete_details": None if is_whole else {"reason": "max_output_tokens"},
        "output": output,
        "usage": usage_of(done.usage),
        "ossia": response["ossia"] | told,
    }


def failed(response: Json, error: RequestError | OssiaError, output: list[Json]) -> Json:
    """A response that could not be made, with what there is of it."""
    told = {"code": _code(error), "message": str(error)}
    nothing = {"completed_at": None, "incomplete_details": None, "usage": None}
    return response | {"status": "failed", "error": told, "output": output, **nothing}


def cancelled(response: Json, output: list[Json]) -> Json:
    """A response that somebody stopped."""
    return response | {"status": "cancelled", "output": output}


def usage_of(usage: Usage) -> Json:
    """Tokens, as this interface counts them."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def _code(error: RequestError | OssiaError) -> str:
    """One of the words that this interface has for failures."""
    if isinstance(error, InputError) or (isinstance(error, RequestError) and error.status < 500):
        return "invalid_prompt"
    return "rate_limit_exceeded" if isinstance(error, BusyError) else "server_error"


def _reasoning(request: ResponseRequest) -> Json:
    told = request.reasoning
    summary = (told.summary or told.generate_summary) if told else None
    return {
        "effort": told.effort if told else None,
        "summary": "detailed" if summary else None,  # all of it, whatever was asked
    }


def _text(request: ResponseRequest) -> Json:
    told = request.text
    form: Json = {"type": "text"}
    if told and told.format:
        form = told.format.model_dump(by_alias=True, exclude_none=True)
        if form["type"] == "json_schema":
            form = {"strict": False} | form
    return {"format": form, "verbosity": (told.verbosity if told else None) or "medium"}
