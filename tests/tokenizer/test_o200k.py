import tiktoken

from ossia.tokenizer import o200k
from ossia.tokenizer.byte_level import spell
from ossia.tokenizer.rank_file import derive_merges
from ossia.tokenizer.vocabulary import Vocabulary, build


def test_special_tokens_are_those_of_tiktoken(small_oracle: tiktoken.Encoding) -> None:
    theirs = small_oracle._special_tokens
    assert o200k.specials().items() <= theirs.items()
    assert sorted(o200k.specials().values()) == list(range(o200k.NUM_ORDINARY, o200k.NUM_TOKENS))
    assert theirs.keys() - o200k.specials().keys() == {"<|reserved_200018|>"}  # an alias


def test_characters_are_split_as_tiktoken_splits_them(small_oracle: tiktoken.Encoding) -> None:
    """A sample of all characters, in places where their class decides where the text is cut.

    In this vocabulary any two bytes merge, so that the ids show where no merge could cross.
    """
    ranks = {bytes([byte]): byte for byte in range(256)}
    ranks |= {bytes(divmod(pair, 256)): 256 + pair for pair in range(1 << 16)}
    oracle = tiktoken.Encoding(
        "pairs", pat_str=small_oracle._pat_str, mergeable_ranks=ranks, special_tokens={}
    )
    tokens = {spell(token): rank for token, rank in ranks.items()}
    merges = derive_merges(tokens)
    ours = build(Vocabulary("test", tokens, merges, {}, pre_tokenizer=o200k.pre_tokenizer()))
    for code_point in [*range(0x3100), *range(0x3100, 0x110000, 97)]:
        if not 0xD800 <= code_point < 0xE000:
            c = chr(code_point)
            text = f"a{c}b 1{c} {c}Z {c}{c}!{c}\n{c}{c} '{c}x"
            assert ours.encode(text) == oracle.encode_ordinary(text), hex(code_point)
