"""Token ids in, token ids out: requests, pages, sampling and the step loop.

Knows nothing of text, harmony or chat; arithmetic is the model's, through one backend.
"""

from ossia.engine.engine import Engine
from ossia.engine.memory import MemoryPlan, largest_context, plan_memory
from ossia.engine.request import End, Finish, Logprobs, Output, Prefill, Request, Token
from ossia.engine.sampler import Sampling
from ossia.engine.service import AsyncStream, Service, Stream

__all__ = [
    "AsyncStream",
    "End",
    "Engine",
    "Finish",
    "Logprobs",
    "MemoryPlan",
    "Output",
    "Prefill",
    "Request",
    "Sampling",
    "Service",
    "Stream",
    "Token",
    "largest_context",
    "plan_memory",
]
