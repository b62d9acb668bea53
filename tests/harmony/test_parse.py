"""The parser: well-formed output as the oracle reads it, malformed output as its file says."""

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ossia.harmony import Assistant, Channel, Delta, ParsedMessage, Parser, render
from ossia.harmony.header import MAX_LENGTH
from ossia.harmony.parse import _InHeader
from ossia.harmony.render import without_spent_reasoning
from ossia.harmony.repair import Repair
from ossia.tokenizer import Tokenizer

TESTS = Path(__file__).parents[1]
GOLDEN: list[dict[str, Any]] = json.loads(
    (TESTS / "golden" / "harmony" / "parse.json").read_text("utf-8")
)
MALFORMED = sorted((TESTS / "malformed" / "harmony").glob("*.json"))
"""Each file: the output (text with control tokens by name, raw bytes, raw ids), and what it is."""

NUM_SEEDS = int(os.environ.get("OSSIA_TEST_EXAMPLES", "30"))
"""Hundreds of random sequences in a plain run; 10,000 make a million and take some minutes."""


def parse(tokenizer: Tokenizer, ids: list[int]) -> tuple[Parser, list[Delta]]:
    parser = Parser(tokenizer)
    deltas = [delta for token_id in ids for delta in parser.feed(token_id)]
    return parser, [*deltas, *parser.finish()]


def messages_of(described: list[dict[str, Any]]) -> tuple[ParsedMessage, ...]:
    return tuple(
        ParsedMessage(
            Channel(said["channel"]),
            said.get("recipient"),
            # openai-harmony leaves the control token in the content type; ossia never does.
            (said.get("content_type") or "").removeprefix("<|constrain|>") or None,
            said["text"],
        )
        for said in described
    )


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: str(case["name"]))
def test_well_formed_output_is_read_as_openai_harmony_reads_it(small, encode, case) -> None:
    parser, deltas = parse(small, encode(case["output"]))
    assert parser.messages == messages_of(case["messages"])
    assert parser.repairs == ()
    assert "".join(d.text for d in deltas) == "".join(m.text for m in parser.messages)


@pytest.mark.o200k
@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: str(case["name"]))
def test_the_oracles_ids_give_the_oracles_pieces(o200k, case) -> None:
    parser, deltas = parse(o200k, case["ids"])
    assert parser.messages == messages_of(case["messages"])
    pieces = [{"channel": str(d.channel), "text": d.text} for d in deltas if d.text]
    assert pieces == case["deltas"]


def malformed_ids(tokenizer: Tokenizer, encode: Any, output: Any) -> list[int]:
    of_byte = {tokenizer.token_bytes(token_id): token_id for token_id in range(256)}
    ids: list[int] = []
    for part in output if isinstance(output, list) else [output]:
        match part:
            case str():
                ids += encode(part)
            case {"bytes": data}:
                ids += [of_byte[bytes([byte])] for byte in data]
            case {"ids": raw}:
                ids += raw
    return ids


@pytest.mark.parametrize("path", MALFORMED, ids=lambda path: str(path.stem))
def test_malformed_output_is_mended_as_its_file_says(small, encode, path) -> None:
    case = json.loads(path.read_text("utf-8"))
    parser, deltas = parse(small, malformed_ids(small, encode, case["output"]))
    assert parser.messages == messages_of(case["messages"])
    assert list(parser.repairs) == case["repairs"]
    assert "".join(d.text for d in deltas) == "".join(m.text for m in parser.messages)


def test_every_repair_has_a_file() -> None:
    mended = {name for path in MALFORMED for name in json.loads(path.read_text("utf-8"))["repairs"]}
    assert mended == set(Repair)


PIECES = (
    *("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|return|>"),
    *("<|call|>", "<|endoftext|>", "<|reserved_200013|>", "assistant", "user", "final"),
    *("analysis", "commentary", " to=functions.x", " to=", "json", " ", "\n", "?", "한국어"),
    *(" The answer to it is 42.", '{"a": 1}', "<|", "fin", "word "),
)
outputs = st.lists(st.sampled_from(PIECES), max_size=24)


@given(st.lists(st.sampled_from(["<|channel|>", "<|constrain|>", "<|message|>", *PIECES[:8]])))
@settings(max_examples=400)
def test_words_are_kept_wherever_they_stand(small, encode, pieces) -> None:
    """In a header too, as text or as type; only a channel of an unknown name loses its name."""
    words = [(piece, f"w{number}q") for number, piece in enumerate(pieces)]
    said = "".join(f"{piece} {word} " for piece, word in words)
    parser, _ = parse(small, encode(f"<|channel|>final<|message|>{said}<|return|>"))
    kept = "".join(f"{message.text} {message.content_type}\n" for message in parser.messages)
    assert {piece for piece, word in words if word not in kept} <= {"<|channel|>"}


@given(outputs)
@settings(max_examples=400)
def test_whatever_pieces_come_no_text_of_a_message_is_lost(small, encode, pieces) -> None:
    text = "".join(pieces)
    parser, deltas = parse(small, encode(text))
    said = "".join(message.text for message in parser.messages)
    assert "".join(delta.text for delta in deltas) == said
    assert all(delta.text or delta.recipient for delta in deltas)
    assert not any("�" in delta.text for delta in deltas)
    calls = [message for message in parser.messages if message.recipient]
    assert [d.recipient for d in deltas if not d.text] == [call.recipient for call in calls]
    assert not any(f"<|{name}|>" in said for name in ("start", "end", "message", "channel"))
    assert set(parser.repairs) <= set(Repair)
    at = 0
    for body in bodies(pieces):
        found = said.find(body.strip(), at)
        assert found >= 0, f"{body!r} is lost of {text!r}"
        at = found + len(body.strip())


def bodies(pieces: list[str]) -> list[str]:
    """What must be said, by a rule that knows no header: all text from <|message|> to its end."""
    found: list[str] = []
    is_body = False
    for piece in pieces:
        match piece:
            case "<|message|>":
                is_body = True
            case "<|start|>" | "<|end|>" | "<|channel|>" | "<|return|>" | "<|call|>":
                is_body = False
            case "<|endoftext|>":
                is_body = False
            case " The answer to it is 42.":  # no header holds so many words
                found.append(piece)
            case _ if is_body and piece in PIECES[9:]:
                found.append(piece)
    return found


@given(st.lists(st.one_of(st.integers(0, 280), st.integers(-(2**40), 2**40)), max_size=80))
@settings(max_examples=400)
def test_any_ids_at_all_end_in_complete_messages(small, ids) -> None:
    check_stream(small, ids)


@given(st.integers(0, 2**64))
@settings(max_examples=NUM_SEEDS)
def test_a_hundred_random_sequences_for_each_seed(small, encode, seed) -> None:
    """Control tokens, words of the format and noise in any order."""
    random = Random(seed)
    pieces = [encode(piece) for piece in PIECES]
    for _ in range(100):
        ids: list[int] = []
        for _ in range(random.randrange(24)):
            is_piece = random.random() < 0.9
            ids += random.choice(pieces) if is_piece else [random.randrange(-2, 290)]
        check_stream(small, ids)


def check_stream(tokenizer: Tokenizer, ids: list[int]) -> None:
    """Whatever comes, the events are complete and say what the messages say."""
    parser, deltas = parse(tokenizer, ids)
    assert "".join(d.text for d in deltas) == "".join(m.text for m in parser.messages), ids
    starts = [d.recipient for d in deltas if not d.text]
    assert starts == [m.recipient for m in parser.messages if m.recipient], ids
    assert parser.channel is None
    repairs = parser.repairs
    assert list(parser.finish()) == []
    assert parser.repairs == repairs


@given(outputs, st.data())
@settings(max_examples=200)
def test_other_tokens_for_the_same_text_give_the_same_messages(small, encode, pieces, data) -> None:
    """Merged tokens or single bytes: only the pieces of text may differ, not the text."""
    of_byte = {small.token_bytes(token_id): token_id for token_id in range(256)}
    ids = encode("".join(pieces))
    spelled: list[int] = []
    for token_id in ids:
        if small.is_special(token_id) or data.draw(st.booleans()):
            spelled.append(token_id)
        else:
            spelled += [of_byte[bytes([byte])] for byte in small.token_bytes(token_id)]
    whole, split = parse(small, ids)[0], parse(small, spelled)[0]
    assert split.messages == whole.messages
    assert split.repairs == whole.repairs


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
said = st.builds(Assistant, texts, st.sampled_from(Channel))


@given(st.lists(said, max_size=5))
def test_rendered_messages_are_read_back(small, messages) -> None:
    prompt_end = [small.special("<|start|>"), *small.encode("assistant")]
    ids = render(messages, small, for_completion=False)
    seen = list(without_spent_reasoning(messages))
    parser, _ = parse(small, ids[len(prompt_end) :])
    assert [Assistant(m.text, m.channel) for m in parser.messages] == seen
    assert all(m.recipient is None and m.content_type is None for m in parser.messages)
    is_empty = not any(message.text for message in seen)
    assert list(parser.repairs) == ["cut_header"] * (not seen) + ["empty_answer"] * is_empty


def test_text_comes_as_soon_as_it_is_certain(small, encode) -> None:
    parser = Parser(small)
    for token_id in encode("<|channel|>final"):
        assert not parser.feed(token_id)
    assert parser.channel is None
    assert not parser.feed(small.special("<|message|>"))
    assert parser.channel is Channel.FINAL
    for letter in "42":
        assert parser.feed(encode(letter)[0]) == [Delta(Channel.FINAL, None, letter)]
    assert parser.messages == ()
    assert not parser.feed(small.special("<|return|>"))
    assert parser.channel is None
    assert parser.messages == (ParsedMessage(Channel.FINAL, None, None, "42"),)


def test_a_call_begins_with_an_event_even_when_it_has_no_arguments(small, encode) -> None:
    header = "<|channel|>commentary to=functions.f<|message|>"
    begun = Delta(Channel.COMMENTARY, "functions.f", "")
    _, deltas = parse(small, encode(f"{header}<|call|>"))
    assert deltas == [begun]
    _, deltas = parse(small, encode(f"{header}<|end|><|start|>assistant{header}{{}}<|call|>"))
    assert [d for d in deltas if not d.text] == [begun, begun]
    _, deltas = parse(small, encode("<|channel|>commentary to=functions.f<|call|>"))
    assert deltas == [begun]


@pytest.mark.parametrize(
    ("output", "is_over"),
    [
        ("<|channel|>analysis<|message|>Hm.<|end|>", False),
        ("<|channel|>final<|message|>42", False),
        ("<|channel|>final<|message|>42<|end|>", True),
        ("<|channel|>final<|message|>42<|return|>", True),
        ("<|channel|>final<|message|> <|end|>", False),
        ("<|channel|>final to=functions.f<|message|>{}<|end|>", False),
        ("<|channel|>finalx<|message|>We should say 42.<|end|>", False),
        ("<|channel|>We should say what it is.<|end|>", False),
        ("<|channel|>commentary to=functions.f<|message|>{}<|call|>", True),
        ("<|channel|>final<|message|>42<|endoftext|>", True),
        ("<|channel|>final<|message|>42<|end|><|start|>user<|message|>And", True),
    ],
)
def test_the_turn_is_over_when_an_answer_is(small, encode, output, is_over) -> None:
    parser = Parser(small)
    for token_id in encode(output):
        parser.feed(token_id)
    assert parser.is_turn_over is is_over


def test_an_answer_without_its_message_token_streams_too(small, encode) -> None:
    parser = Parser(small)
    pieces = [
        parser.feed(token_id) for token_id in encode("<|channel|>final You are very right, it")
    ]
    texts = [delta.text for deltas in pieces for delta in deltas]
    assert texts[0] == "You are very right, "
    assert "".join(texts) == "You are very right, it"


def test_a_header_that_never_ends_does_not_grow(small, encode) -> None:
    for endless in ("<|constrain|>x", "<|channel|><|constrain|>", " to=", "<|channel|>final"):
        parser = Parser(small)
        for token_id in encode("<|channel|>commentary") + encode(endless) * 2000:
            parser.feed(token_id)
            match parser._state:
                case _InHeader(fields):
                    assert len(fields) + sum(len(f.text) for f in fields) < 2 * MAX_LENGTH


said_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.from_regex(r"functions\.[a-z_]{1,12}", fullmatch=True)
headers = st.one_of(
    st.sampled_from(Channel).map("<|channel|>{}".format),
    st.builds("<|channel|>commentary to={}".format, names),
    st.builds("<|channel|>commentary to={} <|constrain|>json".format, names),
    st.builds(" to={}<|channel|>commentary <|constrain|>json".format, names),
    st.builds(" to={}<|channel|>analysis code".format, names),
)


@pytest.mark.o200k
def test_what_openai_harmony_refuses_or_spoils_is_mended(o200k, oracle, encode_output) -> None:
    """The files are no straw men: of most of them the oracle makes an error or another text."""
    import openai_harmony as oh

    num_spoiled = 0
    for path in MALFORMED:
        case = json.loads(path.read_text("utf-8"))
        if not isinstance(case["output"], str):
            continue
        ids = encode_output(o200k, case["output"])
        try:
            parsed = oracle.parse_messages_from_completion_tokens(
                ids, oh.Role.ASSISTANT, strict=False
            )
        except oh.HarmonyError:
            num_spoiled += 1
            continue
        texts = ["".join(content.text for content in message.content) for message in parsed]
        num_spoiled += texts != [message["text"] for message in case["messages"]]
    assert num_spoiled > 50


@pytest.mark.o200k
@given(
    st.lists(st.tuples(headers, said_texts), min_size=1, max_size=4),
    st.sampled_from(["", "<|return|>", "<|call|>"]),
)
def test_any_well_formed_output_reads_as_openai_harmony_reads_it(
    o200k, oracle, encode_output, said, end
) -> None:
    import openai_harmony as oh

    ids: list[int] = []
    for number, (header, body) in enumerate(said):
        ids += encode_output(o200k, "<|end|><|start|>assistant" if number else "")
        ids += encode_output(o200k, header + "<|message|>")
        ids += o200k.encode(body)
    ids += encode_output(o200k, end)
    expected = oracle.parse_messages_from_completion_tokens(ids, oh.Role.ASSISTANT)
    parser, _ = parse(o200k, ids)
    assert parser.messages == messages_of(
        [
            {
                "channel": message.channel,
                "recipient": message.recipient,
                "content_type": message.content_type,
                "text": "".join(content.text for content in message.content),
            }
            for message in expected
        ]
    )
    assert set(parser.repairs) <= {"empty_answer"}
