"""Token ids in, token ids out: requests, pages, sampling and the step loop.

Knows nothing of text, harmony or chat; arithmetic is the model's, through one backend.
"""

from ossia.engine.engine import Engine
from ossia.engine.memory import MemoryPlan, largest_context, plan_memory
from ossia.engine.request import Finish, Prefill, Request, Token
from ossia.engine.sampler import Sampling

__all__ = [
    "Engine",
    "Finish",
    "MemoryPlan",
    "Prefill",
    "Request",
    "Sampling",
    "Token",
    "largest_context",
    "plan_memory",
]
