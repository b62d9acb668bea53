"""ossia and llama.cpp in turns on one model, with the memory's bandwidth measured in the same run.

llama.cpp comes through llama-cpp-python from an environment of its own:

    python3 -m venv peer && CMAKE_ARGS=-DGGML_NATIVE=ON peer/bin/pip install llama-cpp-python
    ossia synth m.gguf --shape 20b --format gguf --tokenizer o200k_base.tiktoken
    benchmarks/peers.py m.gguf --peer-python peer/bin/python --quantize m-q8.gguf   (once)
    benchmarks/peers.py m-q8.gguf --peer-python peer/bin/python

``--quantize`` has llama.cpp make the dense weights 8 bits (Q8_0), as ossia's are, so that both read
the same bytes. One program runs at a time (each holds a model), rounds go through both, and a
round's repeats are medians. llama.cpp takes a minute to load, because it repacks weights. It
decodes given tokens; ossia samples them as it does for a user, and that is counted. Of flash
attention on and off, llama.cpp's better median counts for each figure.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ossia.ops.cpu import _kernels
from ossia.ops.cpu.bandwidth import probe_memory, read_bandwidth

HERE = Path(__file__).parent
PEER = HERE / "llama_cpp_peer.py"
FLASH = {"on": (True,), "off": (False,), "both": (True, False)}
VOCABULARY = 200_000  # ids below it are tokens of any gpt-oss


@dataclass(frozen=True)
class Measured:
    """One program's repeats of one round, by name of the program and its setting.

    Attributes:
        prefill, decode: tokens a second.
        bandwidth: bytes a second around them.
    """

    name: str
    prefill: float
    decode: float
    bandwidth: float


def main() -> None:
    """Measures, prints a table, and keeps the figures if asked to."""
    options = parse()
    if options.quantize:
        command = [options.peer_python, PEER, "quantize", options.model, options.quantize]
        subprocess.run([*command, str(options.threads)], check=True)
        return
    _kernels.set_num_threads(options.threads)
    rounds: list[Measured] = []
    for number in range(options.rounds):
        for program in options.programs:
            print(f"round {number + 1} of {options.rounds}: {program}", file=sys.stderr)
            rounds += ossia(options) if program == "ossia" else llama_cpp(options)
    print_table(rounds)
    if options.save:
        folder = HERE / "results"
        folder.mkdir(exist_ok=True)
        document = {
            "model": options.model.name,
            "threads": options.threads,
            "prompt": options.prompt,
            "decode": options.decode,
            "repack": not options.no_repack,
            "rounds": [vars(each) for each in rounds],
        }
        (folder / f"{options.save}.json").write_text(json.dumps(document, indent=1) + "\n")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="a GGUF that both read")
    parser.add_argument("--ossia-model", type=Path, help="the same weights in another layout")
    parser.add_argument("--peer-python", required=True, help="has llama-cpp-python")
    parser.add_argument("--quantize", type=Path, help="write 8-bit dense weights there, no more")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3, help="repeats a round")
    parser.add_argument("--programs", nargs="+", default=["llama.cpp", "ossia"])
    parser.add_argument("--no-repack", action="store_true", help="llama.cpp uses weights as mapped")
    parser.add_argument("--flash", choices=FLASH, default="both", help="llama.cpp's attention")
    parser.add_argument("--save", help="keep the figures as results/NAME.json")
    options = parser.parse_args()
    for path in (options.model, options.ossia_model):
        if path is not None and not path.exists():
            parser.error(f"there is no {path}")
    return options


def ossia(options: argparse.Namespace) -> list[Measured]:
    """One round of ``ossia bench``."""
    model = options.ossia_model or options.model
    command = [Path(sys.executable).with_name("ossia"), "bench", model, "--json"]
    for name in ("prompt", "decode", "repeat"):
        command += [f"--{name}", str(getattr(options, name))]
    environment = os.environ | {"OSSIA_THREADS": str(options.threads)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    report = json.loads(done.stdout)
    if report["threads"] != options.threads:
        sys.exit(f"ossia used {report['threads']} threads, not {options.threads}")
    return [
        Measured(
            f"ossia ({report['backend']})",
            report["prefill"]["median"],
            report["decode"]["tokens_per_second"]["median"],
            report["bandwidth"]["median"],
        )
    ]


def llama_cpp(options: argparse.Namespace) -> list[Measured]:
    """One round of llama.cpp, with flash attention and without, repeats in turns."""
    room = options.prompt + options.decode + 64
    command = [options.peer_python, PEER, "measure", options.model]
    command += [str(options.threads), str(room), str(int(not options.no_repack))]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as peer:
        hear(peer)
        probe = probe_memory()
        kinds: dict[bool, list[tuple[float, float, float]]] = {
            flash: [] for flash in FLASH[options.flash]
        }
        for flash in kinds:  # not counted: pages are mapped, kernels met
            ask(peer, 0, flash, min(options.prompt, 64), 2)
        for repeat in range(1, options.repeat + 1):
            for flash, samples in kinds.items():
                before = read_bandwidth(probe)
                told = ask(peer, repeat, flash, options.prompt, options.decode)
                bandwidth = (before + read_bandwidth(probe)) / 2
                rates = options.prompt / told["prefill"], options.decode / told["decode"]
                samples.append((*rates, bandwidth))
        assert peer.stdin is not None
        peer.stdin.close()
    return [
        Measured(
            f"llama.cpp, flash attention {'on' if flash else 'off'}",
            *(statistics.median(column) for column in zip(*samples, strict=True)),
        )
        for flash, samples in kinds.items()
    ]


def ask(peer: "subprocess.Popen[str]", seed: int, flash: bool, prompt: int, decode: int) -> Any:
    """Has so many tokens of prompt, and of others after it, computed; seconds of both."""
    ids = np.random.default_rng(seed).integers(VOCABULARY, size=prompt + decode).tolist()
    asked = {"prompt": ids[:prompt], "decode": ids[prompt:], "flash": flash}
    assert peer.stdin is not None
    peer.stdin.write(json.dumps(asked) + "\n")
    peer.stdin.flush()
    return hear(peer)


def hear(peer: "subprocess.Popen[str]") -> Any:
    """The peer's next answer."""
    assert peer.stdout is not None
    line = peer.stdout.readline()
    if not line:
        sys.exit(f"llama.cpp ended with {peer.wait()}")
    return json.loads(line)


def print_table(rounds: list[Measured]) -> None:
    """Medians over the rounds, and how many times llama.cpp's best ossia's are."""
    medians: dict[str, tuple[float, float, float]] = {}
    for name in dict.fromkeys(each.name for each in rounds):
        mine = [(m.prefill, m.decode, m.bandwidth) for m in rounds if m.name == name]
        prefill, decode, bandwidth = (
            statistics.median(column) for column in zip(*mine, strict=True)
        )
        medians[name] = prefill, decode, bandwidth
    print(
        f"{time.strftime('%Y-%m-%d')}\n\n| | prefill | decode | memory reads |\n|---|---|---|---|"
    )
    for name, (prefill, decode, bandwidth) in medians.items():
        print(f"| {name} | {prefill:.1f} | {decode:.2f} | {bandwidth / 1e9:.1f} GB/s |")
    theirs = [rates for name, rates in medians.items() if name.startswith("llama.cpp")]
    ours = [rates for name, rates in medians.items() if name.startswith("ossia")]
    if theirs and ours:
        times = (ours[0][i] / max(rates[i] for rates in theirs) for i in range(2))
        print("| ossia / llama.cpp | " + " | ".join(f"{each:.2f}" for each in times) + " | |")


if __name__ == "__main__":
    main()
