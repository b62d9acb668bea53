"""How often the embedded model is right, asked through the whole stack.

Problems that were never trained on, nor worked on the way to another, in both languages and at
every effort. An answer counts when the number it ends in is the right one. Then what people say
to it, as it was taught. Sampled as the model is used (temperature 1) unless told otherwise; seeds
are fixed, so the same table comes out again.
"""

import argparse
import re
import time
from collections.abc import Iterator
from random import Random

from ossia.chat import ChatModel, Done, Settings
from ossia.harmony import Channel, Effort, System, User
from ossia.tune.nano.arithmetic import Operation, Problem
from ossia.tune.nano.conversations import Conversation, held_out_problems, pose
from ossia.tune.nano.phrases import TOPICS
from ossia.tune.nano.questions import Language

NAMES = {
    Operation.SUM: "sums of two two-digit numbers",
    Operation.DIFFERENCE: "differences of two two-digit numbers",
    Operation.PRODUCT: "products of a two-digit number and a digit",
}


def main() -> None:
    """Print a table of how many were right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--count", type=int, default=100, help="problems of each operation")
    parser.add_argument("--temperature", type=float, default=1.0)
    options = parser.parse_args()
    model = ChatModel.load(options.model, context=2048)
    print(f"temperature {options.temperature:g}, seeds 0 to {options.count - 1}\n")
    print("| held out | low | medium | high | tokens an answer |")
    print("|---|---|---|---|---|")
    start, num_tokens = time.perf_counter(), 0
    for operation in Operation:
        problems = held_out_problems(operation, options.count)
        cells, lengths = [], []
        for effort in Effort:
            asked = [
                answer(model, each, options.temperature) for each in pose_all(problems, effort)
            ]
            right = sum(is_right for is_right, _ in asked)
            cells.append(f"{right} of {len(problems)}")
            lengths.append(sum(length for _, length in asked))
        num_tokens += sum(lengths)
        mean = ", ".join(f"{length / len(problems):.0f}" for length in lengths)
        print(f"| {NAMES[operation]} | {' | '.join(cells)} | {mean} |", flush=True)
    print(f"| sayings about itself | | {sayings(model, options.temperature)} | | |")
    rate = num_tokens / (time.perf_counter() - start)
    print(f"\n{rate:.0f} tokens a second, prompts included in the time; {model.backend.name}")


def sayings(model: ChatModel, temperature: float) -> str:
    """How many things that people say, as they were taught, get the taught answer."""
    right = count = 0
    for topic in TOPICS:
        for language in Language:
            for seed, question in enumerate(topic.questions[language][:8]):
                settings = Settings(temperature=temperature, seed=seed, max_tokens=300)
                *_, done = model.respond([System(), User(question)], settings)
                said = done.messages[-1].text if isinstance(done, Done) and done.messages else ""
                right += said == topic.answers[language]
                count += 1
    return f"{right} of {count}"


def pose_all(problems: list[Problem], effort: Effort) -> Iterator[tuple[int, Conversation]]:
    """A question for each problem, in English and Korean by turns, with a seed."""
    random = Random("evaluation")
    languages = tuple(Language)
    for seed, problem in enumerate(problems):
        yield seed, pose(problem, effort, languages[seed % 2], random)


def answer(
    model: ChatModel, asked: tuple[int, Conversation], temperature: float
) -> tuple[bool, int]:
    """Whether the model's final answer is right, and how many tokens it took."""
    seed, conversation = asked
    settings = Settings(temperature=temperature, seed=seed, max_tokens=600)
    *_, done = model.respond(conversation.history, settings)
    if not isinstance(done, Done):
        return False, 0
    final = "".join(m.text for m in done.messages if m.channel is Channel.FINAL)
    numbers = re.findall(r"-?\d+", final.rpartition("=")[2])
    is_right = bool(numbers) and int(numbers[-1]) == conversation.last.result
    return is_right, done.usage.completion_tokens


if __name__ == "__main__":
    main()
