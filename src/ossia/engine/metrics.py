"""What an engine has done so far, counted."""

from collections import Counter
from dataclasses import dataclass, field

CANCELLED = "cancelled"
"""How a request ends that its asker gave up; the other ends are ``Finish``."""


@dataclass
class Metrics:
    """Counts since the engine was made. Every request is under way or has one end.

    Attributes:
        num_requests: taken; those refused are not among them.
        ends: requests by how they ended: a ``Finish``, or ``CANCELLED``.
        prompt_tokens: of requests that have begun; ``cached_tokens`` of them were known.
        output_tokens: made; ``forced_tokens`` of them without a choice.
        draft_tokens: run on suspicion; ``accepted_tokens`` of them came.
        num_steps: passes through the model; ``step_tokens`` tokens were run in them.
        num_preempted: sequences that gave up their pages for others.
        num_evicted: pages of the prefix cache that were given up.
        num_restored: pages read from disk.
    """

    num_requests: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    forced_tokens: int = 0
    draft_tokens: int = 0
    accepted_tokens: int = 0
    num_steps: int = 0
    step_tokens: int = 0
    num_preempted: int = 0
    num_evicted: int = 0
    num_restored: int = 0
