"""How well a model foresees a text: its perplexity, and the token that surprised it most.

$ python examples/perplexity.py "What is 27 + 58?"
perplexity 317.1 over 9 tokens
most surprising: '7'
"""

import math
import sys

import ossia


def main(text: str, name: str = "nano") -> None:
    """Score a text with a model, by name or path."""
    with ossia.load(name) as model:
        told = [(t.logprob, t.text) for t in model.score(text) if t.logprob is not None]
    mean = -sum(logprob for logprob, _ in told) / len(told)
    print(f"perplexity {math.exp(mean):.1f} over {len(told)} tokens")
    print(f"most surprising: {min(told)[1]!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
