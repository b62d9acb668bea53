"""Asks one question and prints the answer while it is made, its reasoning first.

$ python examples/ask.py "What is 27 + 58?"
27+58
ones: 7+8=15, write 5, carry 1
tens: 2+5+1=8, write 8
answer 85
---
27 + 58 = 85
"""

import sys

import ossia


def main(question: str, name: str = "nano") -> None:
    """Ask a model, by name or path."""
    with ossia.load(name) as model:
        is_reasoning = False
        for event in model.stream(question, seed=1):
            match event:
                case ossia.Reasoning(text):
                    is_reasoning = True
                    print(text, end="", flush=True)
                case ossia.Text(text):
                    if is_reasoning:
                        print("\n---")
                    is_reasoning = False
                    print(text, end="", flush=True)
                case ossia.Failed(error):
                    raise error
        print()


if __name__ == "__main__":
    main(*sys.argv[1:])
