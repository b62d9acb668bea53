"""Makes src/ossia/verify/known_nano.json: how transformers, an oracle, goes on with nano's weights.

    python tests/golden/verify/make.py

Greedy, 20 new tokens, plain text without the chat format, weights unpacked to float32, attention
written out: as transformers' own tests recorded ``known_gpt_oss.json`` on the released models. Out
of its chats nano talks nonsense, and the prompts were sought so that each token that is compared is
far from a tie: rounding alone cannot change it.
"""

import json
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders

ROOT = Path(__file__).parents[3]
NANO = ROOT / "src" / "ossia" / "hub" / "nano"
TARGET = ROOT / "src" / "ossia" / "verify" / "known_nano.json"
PROMPTS = (
    "The user makes a rem",
    "12 * 3: 10 * 3 = 30, 2 * 3 = 6,",
    "Hello! I am ",
    "You are ",
    "The user asks how bi",
)
NUM_TOKENS, NUM_COMPARED = 20, 15
LEAST_MARGIN = 0.5
"""Of logits, between the likeliest token and the next."""


def main() -> None:
    """Write the file."""
    model = transformers.GptOssForCausalLM.from_pretrained(
        NANO,
        quantization_config=transformers.Mxfp4Config(dequantize=True),
        attn_implementation="eager",
        dtype=torch.float32,
    ).eval()
    tokenizer = Tokenizer.from_file(str(NANO / "tokenizer.json"))
    tokenizer.decoder = decoders.ByteLevel()
    continuations = {}
    for prompt in PROMPTS:
        token_ids = tokenizer.encode(prompt, add_special_tokens=False).ids
        made, margins = [], []
        with torch.no_grad():
            for _ in range(NUM_TOKENS):
                logits = model(torch.tensor([token_ids + made]), use_cache=False).logits[0, -1]
                top = logits.topk(2)
                made.append(int(top.indices[0]))
                margins.append(float(top.values[0] - top.values[1]))
        assert min(margins[:NUM_COMPARED]) >= LEAST_MARGIN, f"{prompt!r} leads to a near tie"
        continuations[prompt] = tokenizer.decode(made, skip_special_tokens=False)
    source = (
        f"transformers {transformers.__version__}, nano (MXFP4 weights unpacked to float32, eager "
        "attention, greedy, 20 new tokens, plain text prompt without chat template); compare the "
        "first 15"
    )
    document = {"source": source, "nano": continuations}
    TARGET.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
