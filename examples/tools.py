"""Lets the model call a Python function, and shows what it called and was told.

$ python examples/tools.py
functions.multiply called
functions.multiply said a whole number

nano has not learnt to use tools; it calls because it must, with arguments of its own invention. A
gpt-oss calls when it needs to: leave `tool_choice` out.
"""

import sys

import ossia


def multiply(a: int, b: int) -> int:
    """Multiplies two numbers.

    Args:
        a: one factor.
        b: the other.
    """
    return a * b


def main(name: str = "nano") -> None:
    """Talk with a model, by name or path."""
    with ossia.load(name) as model:
        talk = model.talk(tools=[multiply], reasoning_limit=0, seed=1)
        talk.ask("What is 12 * 12?", tool_choice="multiply")
        for message in talk.messages:
            match message:
                case ossia.Assistant(recipient=str(recipient)):
                    print(recipient, "called")
                case ossia.ToolResult(recipient, text):
                    is_number = text.lstrip("-").isdigit()
                    print(recipient, "said", "a whole number" if is_number else text)


if __name__ == "__main__":
    main(*sys.argv[1:])
