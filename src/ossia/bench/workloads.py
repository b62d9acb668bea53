"""What is run: so many tokens of prompt, so many decoded, how often. Knows no model."""

from dataclasses import dataclass

import numpy as np

from ossia.base.errors import InputError
from ossia.engine import Request, Sampling


@dataclass(frozen=True)
class Workload:
    """One measurement's sizes.

    Attributes:
        prompt: tokens of prompt, of random ids.
        decode: tokens decoded and timed after it.
        context: if given, decoding is timed a second time, with so many tokens in the KV cache.
        repeat: how often everything is timed; medians count.

    Raises:
        InputError: a number is below 1.
    """

    prompt: int = 512
    decode: int = 64
    context: int | None = None
    repeat: int = 5

    def __post_init__(self) -> None:
        for name in ("prompt", "decode", "context", "repeat"):
            if (count := getattr(self, name)) is not None and count < 1:
                raise InputError(f"--{name} must be at least 1; it is {count}")

    @property
    def room(self) -> int:
        """Tokens that the engine's context must hold."""
        # Decoding begins with the token that ends the prefill, which is not timed.
        return max(self.prompt, (self.context or 0) + 1) + self.decode + 1

    def request(self, length: int, vocabulary: int, seed: int) -> Request:
        """A request of ``length`` random ids, other ones for every seed: nothing can be reused."""
        token_ids = np.random.default_rng(seed).integers(vocabulary, size=length)
        return Request(
            prompt_ids=tuple(token_ids.tolist()),
            sampling=Sampling(seed=seed),
            max_tokens=self.decode + 1,
        )
