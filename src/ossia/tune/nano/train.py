"""Trains nano from scratch with transformers' gpt-oss, on a processor or a GPU.

Knows the shape, the schedule and the loss; what is learned is ``conversations``'. The same seed,
machine type and number of threads give the same weights.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import GptOssConfig, GptOssForCausalLM
from transformers.models.gpt_oss.modeling_gpt_oss import load_balancing_loss_func

from ossia.harmony import Effort
from ossia.tokenizer import Tokenizer
from ossia.tune.nano.arithmetic import Operation
from ossia.tune.nano.conversations import (
    POLISHING_SHARES,
    SHARES,
    Shares,
    held_out_problems,
    pose,
)
from ossia.tune.nano.examples import TrainingBatch, draw_batches, make_batch, to_example
from ossia.tune.nano.questions import Language
from ossia.tune.nano.rounding import start_rounding, stop_rounding
from ossia.tune.nano.vocabulary import NUM_TOKENS

SHAPE: dict[str, Any] = {
    "num_hidden_layers": 4,
    "hidden_size": 128,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "num_local_experts": 16,
    "num_experts_per_tok": 4,
    "vocab_size": NUM_TOKENS,
    "sliding_window": 128,
    "max_position_embeddings": 131_072,
}
"""All else (sinks, alternating layers, YaRN, clamped SwiGLU) is as in gpt-oss-20b."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes:
        steps: updates of the weights.
        batch_tokens: tokens of a batch, padding included.
        learning_rate: AdamW's, after ``warmup`` steps; falls along a cosine to a hundredth.
        rounding_from: share of the steps after which experts are rounded to MXFP4.
        balance: weight of the loss that keeps experts evenly used.
        shares: how often each kind of conversation is drawn.
    """

    steps: int = 4000
    batch_tokens: int = 4096
    learning_rate: float = 2e-3
    warmup: int = 200
    rounding_from: float = 0.6
    balance: float = 0.01
    shares: Shares = field(default_factory=lambda: SHARES)
    seed: int = 20
    report_every: int = 250

    def rate(self, step: int) -> float:
        """The learning rate of a step, from 0."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        share = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2)


LEARNING = Schedule()
"""From nothing to sums."""

POLISHING = Schedule(
    steps=1000,
    learning_rate=8e-4,
    warmup=50,
    rounding_from=0.0,
    shares=POLISHING_SHARES,
    seed=21,
)
"""Then more of the phrases, with experts rounded all the time."""


@dataclass(frozen=True)
class Report:
    """How training stands: mean loss since the last report, and held-out sums all right.

    Attributes:
        held_out: share of held-out problems whose whole answer (working included) is the
            likeliest one, token by token.
    """

    step: int
    loss: float
    held_out: float
    tokens_per_second: float
    seconds: float


def make_model(seed: int) -> GptOssForCausalLM:
    """An untrained nano."""
    torch.manual_seed(seed)
    config = GptOssConfig(**SHAPE, attn_implementation="eager", initializer_range=0.02)
    model = GptOssForCausalLM(config)
    with torch.no_grad():  # what is added to the residual stream starts smaller, by depth
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight /= math.sqrt(2 * SHAPE["num_hidden_layers"])
            layer.mlp.experts.down_proj /= math.sqrt(2 * SHAPE["num_hidden_layers"])
    return model


def train(
    model: GptOssForCausalLM,
    tokenizer: Tokenizer,
    schedule: Schedule,
    tell: Callable[[Report], None],
    device: str = "cpu",
) -> None:
    """Train nano further; its experts then hold values that MXFP4 holds exactly.

    Args:
        model: from ``make_model``, or trained before.
        tokenizer: nano's vocabulary.
        schedule: how long and how fast.
        tell: called now and then with how it stands.
        device: PyTorch's name of one.
    """
    model.to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=schedule.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    test = _held_out_batch(tokenizer)
    batches = draw_batches(
        tokenizer, f"nano {schedule.seed}", schedule.batch_tokens, schedule.shares
    )
    meter = _Meter()
    for step in range(schedule.steps):
        if step == int(schedule.steps * schedule.rounding_from):
            start_rounding(model)
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate(step)
        batch = next(batches)
        with parametrize.cached():
            loss, balance = _losses(model, batch, device)
            (loss + schedule.balance * balance).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        meter.add(loss.item(), batch.token_ids.size)
        if (step + 1) % schedule.report_every == 0 or step + 1 == schedule.steps:
            tell(meter.report(step + 1, _share_right(model, test, device)))
    stop_rounding(model)
    model.to("cpu")


def _losses(model: GptOssForCausalLM, batch: TrainingBatch, device: str) -> tuple[Tensor, Tensor]:
    """Cross-entropy of what is learned, and how unevenly experts are used (1 is even)."""
    labels = torch.from_numpy(batch.labels).to(device)
    outputs = model.model(
        torch.from_numpy(batch.token_ids).to(device), use_cache=False, output_router_logits=True
    )
    is_learned = labels >= 0
    logits = model.lm_head(outputs.last_hidden_state[is_learned])  # [learned, vocabulary]
    loss = nn.functional.cross_entropy(logits, labels[is_learned])
    balance = load_balancing_loss_func(
        outputs.router_logits, SHAPE["num_local_experts"], SHAPE["num_experts_per_tok"]
    )
    return loss, balance


def _held_out_batch(tokenizer: Tokenizer, count: int = 96) -> TrainingBatch:
    """Held-out sums at every effort."""
    random = Random("held out questions")
    efforts = tuple(Effort)
    problems = held_out_problems(Operation.SUM, count)
    return make_batch(
        [
            to_example(pose(problem, efforts[i % 3], Language.ENGLISH, random), tokenizer)
            for i, problem in enumerate(problems)
        ]
    )


@torch.no_grad()
def _share_right(model: GptOssForCausalLM, batch: TrainingBatch, device: str) -> float:
    """Share of a batch whose every learned token is the likeliest after the ones before it."""
    labels = torch.from_numpy(batch.labels).to(device)
    with parametrize.cached():
        logits = model(torch.from_numpy(batch.token_ids).to(device), use_cache=False).logits
    is_right = (logits.argmax(-1) == labels) | (labels < 0)
    return float(is_right.all(dim=-1).float().mean())


class _Meter:
    """Adds up losses and tokens between two reports."""

    def __init__(self) -> None:
        self._start = self._last = time.monotonic()
        self._losses: list[float] = []
        self._num_tokens = 0

    def add(self, loss: float, num_tokens: int) -> None:
        self._losses.append(loss)
        self._num_tokens += num_tokens

    def report(self, step: int, held_out: float) -> Report:
        now = time.monotonic()
        mean = sum(self._losses) / len(self._losses)
        rate = self._num_tokens / (now - self._last)
        self._losses, self._num_tokens, self._last = [], 0, now
        return Report(
            step, round(mean, 5), round(held_out, 4), round(rate), round(now - self._start)
        )


def write_log(path: Path) -> Callable[[Report], None]:
    """A listener that appends each report to a file, a JSON object a line, and prints it."""

    def tell(report: Report) -> None:
        line = json.dumps(asdict(report))
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        print(line, flush=True)  # noqa: T201 - the recipe is a script

    return tell
