"""The recipe, run whole: ``python -m ossia.tune.nano FOLDER`` makes nano anew.

Writes the vocabulary, trains, and leaves the model in ``FOLDER/nano`` in Hugging Face's layout
with MXFP4 experts, as ``ossia run`` takes it, and the figures of its training beside it.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import GptOssForCausalLM

from ossia.checkpoint import Layout, TokenizerFiles, convert, open_checkpoint
from ossia.tokenizer import load_tokenizer
from ossia.tune.nano.train import LEARNING, POLISHING, Schedule, make_model, train, write_log
from ossia.tune.nano.vocabulary import make_vocabulary
from ossia.tune.quantized import QuantizedExperts


def main() -> None:
    """Run the recipe from the command line."""
    parser = argparse.ArgumentParser(prog="python -m ossia.tune.nano", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to work; is made if it is not there")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    make(options.folder, (LEARNING, POLISHING), options.device)


def make(folder: Path, schedules: Sequence[Schedule], device: str = "cpu") -> Path:
    """Train nano by one schedule after the other and write it; the folder of the model."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "tokenizer.json"
    make_vocabulary().save(str(vocabulary))
    tokenizer = load_tokenizer(json=vocabulary)
    model = make_model(schedules[0].seed)
    for schedule in schedules:
        train(model, tokenizer, schedule, write_log(folder / "training.jsonl"), device)
    return write(model, vocabulary, folder)


def write(model: GptOssForCausalLM, vocabulary: Path, folder: Path) -> Path:
    """Write a trained nano as gpt-oss is released: experts in MXFP4, all else in bfloat16."""
    trained = folder / "trained"
    model.to(torch.bfloat16).save_pretrained(trained)
    source = QuantizedExperts(open_checkpoint(trained), TokenizerFiles(json=vocabulary))
    return convert(source, folder / "nano", to=Layout.HF).path


if __name__ == "__main__":
    main()
