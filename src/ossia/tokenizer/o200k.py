"""o200k, the vocabulary of gpt-oss: what neither a rank file nor GGUF metadata spells out.

It knows how text is split before merging, and which special tokens the harmony format added above
the 199,998 ordinary tokens. It does not hold the tokens themselves. Source: tiktoken's encodings
``o200k_base`` and ``o200k_harmony``, and for the name of 200018, which these two give differently,
the tokenizer.json of gpt-oss.
"""

from tokenizers import Regex, pre_tokenizers

NUM_ORDINARY = 199_998
"""Ids of ordinary tokens are below this one, ids of special tokens from it on."""

NUM_TOKENS = 201_088
"""One above the last reserved special token; also the released models' rows of embedding."""

_NAMED = {
    "<|startoftext|>": 199_998,
    "<|endoftext|>": 199_999,
    "<|return|>": 200_002,
    "<|constrain|>": 200_003,
    "<|channel|>": 200_005,
    "<|start|>": 200_006,
    "<|end|>": 200_007,
    "<|message|>": 200_008,
    "<|call|>": 200_012,
    "<|endofprompt|>": 200_018,  # of o200k_base
}


def specials() -> dict[str, int]:
    """List the special tokens by name, in the order of their ids."""
    names = {token_id: name for name, token_id in _NAMED.items()}
    ids = range(NUM_ORDINARY, NUM_TOKENS)
    return {names.get(token_id, f"<|reserved_{token_id}|>"): token_id for token_id in ids}


def pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    """Make the step that splits text where no merge may cross, and spells it in bytes."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_split_pattern()), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _split_pattern() -> str:
    """Alternatives in order of preference; letters without case count as either case."""
    upper = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
    lower = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
    before = r"[^\r\n\p{L}\p{N}]?"
    contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    return "|".join(
        (
            before + upper + "*" + lower + "+" + contraction,  # a word: hello, Hello, 안녕
            before + upper + "+" + lower + "*" + contraction,  # a word in capitals: HELLO
            r"\p{N}{1,3}",  # digits, three at most
            r" ?[^\s\p{L}\p{N}]+[\r\n/]*",  # punctuation, with the line end after it
            r"\s*[\r\n]+",  # line ends, with the space before them
            r"\s+(?!\S)",  # space, but the last one belongs to the next word
            r"\s+",
        )
    )
