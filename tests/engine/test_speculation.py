"""Drafts are what followed before, and running them pays or is left alone.

Times are simulated: a table says how long a step of so many rows takes. An answer is a text, known
in advance, so a draft is kept where it agrees with the text, as it is kept where it agrees with
what is sampled. ``scripts/test -m o200k -s tests/engine/test_speculation.py`` prints the table of
docs/ideas/speculation.md.
"""

import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.engine.speculation import LONGEST_MATCH, MAX_DRAFTED, Drafter, Speculation, StepTime
from ossia.hub.names import EMBEDDED
from ossia.tokenizer import Tokenizer, load_tokenizer

ROOT = Path(__file__).parents[2]

TIMES = {
    # milliseconds by rows: measured on the 20b shape with two cores
    "cpu": {1: 77, 2: 118, 4: 170, 8: 266, 16: 388, 72: 937},
    # nearly flat, as where a step waits for launches or for memory
    "gpu": {1: 10, 64: 11, 256: 15},
    # rows one after the other, as the reference backend has them: nothing to gain
    "linear": {1: 1, 256: 256},
}

few_tokens = st.lists(st.integers(0, 3), max_size=LONGEST_MATCH)
more_tokens = st.lists(st.integers(0, 5), max_size=300)


def looked(token_ids: list[int]) -> Drafter:
    drafter = Drafter(token_ids)
    drafter.look()
    return drafter


# What is drafted


@given(few_tokens, st.integers(0, 40))
def test_drafts_are_what_followed_the_longest_match(token_ids, num_tokens) -> None:
    lengths = {
        place: next(
            (n for n in range(place) if token_ids[place - 1 - n] != token_ids[-1 - n]), place
        )
        for place in range(2, len(token_ids))
    }
    place = max(lengths, key=lambda place: (lengths[place], place), default=0)
    expected: list[int] = []
    if lengths.get(place, 0) >= 2:
        for _ in range(num_tokens):
            expected.append([*token_ids, *expected][place + len(expected)])
    assert looked(token_ids).draft(num_tokens) == tuple(expected)


@given(more_tokens, st.integers(1, 40))
def test_drafts_go_on_as_an_earlier_place_did(token_ids, num_tokens) -> None:
    drafts = looked(token_ids).draft(num_tokens)
    assert len(drafts) in (0, num_tokens)
    if drafts:
        end, longer = len(token_ids), [*token_ids, *drafts]
        assert any(
            longer[place : place + num_tokens] == list(drafts)
            for place in range(2, end)
            if token_ids[place - 2 : place] == token_ids[-2:]
        )


@given(more_tokens, st.lists(st.integers(1, 50)))
def test_drafts_do_not_depend_on_how_the_tokens_came(token_ids, pieces) -> None:
    grown: list[int] = []
    drafter = Drafter(grown)
    for piece in pieces:
        grown.extend(token_ids[len(grown) : len(grown) + piece])
        drafter.look()
    grown.extend(token_ids[len(grown) :])
    drafter.look()
    assert drafter.draft(31) == looked(token_ids).draft(31)


def test_a_run_is_drafted_beyond_its_end() -> None:
    assert looked([9, 1, 2, 3, 1, 2, 3, 1, 2]).draft(7) == (3, 1, 2, 3, 1, 2, 3)


@pytest.mark.parametrize("token_ids", [[], [1], [1, 1], [1, 2, 3, 4]])
def test_nothing_is_drafted_where_nothing_occurred_before(token_ids) -> None:
    drafter = looked(token_ids)
    assert drafter.draft(5) == ()
    assert drafter.chances(5) == []


@given(more_tokens, st.integers(-1, 40))
def test_there_are_no_more_chances_than_asked_for_and_they_fall(token_ids, most) -> None:
    chances = looked(token_ids).chances(most)
    assert len(chances) <= max(most, 0)
    assert all(0 <= chance <= 1 for chance in chances)
    assert chances == sorted(chances, reverse=True)


def test_it_learns_how_good_its_guesses_are() -> None:
    loop: list[int] = []
    drafter, before = Drafter(loop), 0.0
    for token_id in [1, 2, 3, 4] * 30:
        loop.append(token_id)
        drafter.look()
        if len(loop) == LONGEST_MATCH + 8:
            before = drafter.chances(8)[-1]
    assert before < drafter.chances(8)[-1] > 0.9

    rng = random.Random(1)
    noise = [rng.randrange(8) for _ in range(1000)]
    assert sum(looked(noise).chances(8)) > 0.3  # before it knows better
    grown: list[int] = []
    drafter = Drafter(grown)
    for token_id in noise:
        grown.append(token_id)
        drafter.look()
    assert sum(drafter.chances(8)) < 0.3


# How long steps take


@pytest.mark.parametrize("times", TIMES)
def test_the_time_of_a_step_is_learnt_from_noisy_steps(times) -> None:
    seconds, learnt, rng = seconds_of(TIMES[times]), StepTime(), random.Random(2)
    for _ in range(2000):
        rows = rng.choice([1, 2, 3, 5, 8, 16, 24])
        learnt.record(rows, seconds(rows) * math.exp(rng.gauss(0, 0.1)))
    rows = np.asarray([1.0, 2, 4, 8, 16])
    expected = [seconds(int(n)) / seconds(1) for n in rows]
    assert learnt.relative(rows) == pytest.approx(expected, rel=0.2)


@given(st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 1e6))))
def test_more_rows_never_take_less(steps) -> None:
    learnt = StepTime()
    for num_rows, seconds in steps:
        learnt.record(num_rows, seconds)
    relative = learnt.relative(np.arange(1.0, 300))
    assert relative[0] == 1
    assert np.all(np.diff(relative) >= 0)


# How much is drafted


def test_the_likeliest_drafts_are_run() -> None:
    quoting = [*range(100), *range(50)]
    doubtful = [1, 2, 3, 4, 9, 9, 1, 2]
    asked = [(Drafter(ids), 20) for ids in (doubtful, quoting, [5, 6, 7])]
    drafts = Speculation().draft(asked, num_rows=3)
    assert drafts[1][:3] == (50, 51, 52)
    assert len(drafts[1]) > len(drafts[0])
    assert drafts[2] == ()
    assert all(len(each) <= 20 for each in drafts)


def test_drafts_of_a_step_are_bounded() -> None:
    asked = [(Drafter([*range(50), *range(40)]), 31) for _ in range(64)]
    speculation = Speculation()
    for rows in (64, 128) * 50:
        speculation.record(rows, 0.01)
    drafts = speculation.draft(asked, num_rows=64)
    assert sum(map(len, drafts)) == MAX_DRAFTED


def test_those_who_gain_nothing_are_not_held_up_for_long() -> None:
    speculation = Speculation()
    for _ in range(300):
        for num_rows in (2, 4, 16, 64):
            speculation.record(num_rows, num_rows**0.6)
    token_ids = list(range(500))
    quoting = Drafter(token_ids)
    for token_id in range(300):
        token_ids.append(token_id)
        quoting.look()
    alone = speculation.draft([(quoting, 31)], num_rows=1)
    beside_another = speculation.draft([(quoting, 31)], num_rows=2)
    assert len(alone[0]) > 20
    assert 2 < len(beside_another[0]) < 10  # 2.5 times as long: 4.6 times the rows


def test_nobody_asks() -> None:
    assert Speculation().draft([], num_rows=1) == []


# What it brings


@dataclass
class Work:
    """An answer that is known in advance, as far as it is made."""

    answer: list[int]
    token_ids: list[int]
    num_made: int = 0
    drafter: Drafter = field(init=False)

    def __post_init__(self) -> None:
        self.drafter = Drafter(self.token_ids)

    @property
    def num_left(self) -> int:
        return len(self.answer) - self.num_made

    def go_on(self, drafts: tuple[int, ...]) -> None:
        """By a token, and one for each draft that agrees."""
        for token_id, draft in zip(self.answer[self.num_made :], (*drafts, None), strict=False):
            self.token_ids.append(token_id)
            self.num_made += 1
            if token_id != draft:
                break


Stream = tuple[list[int], list[int]]
"""A prompt and its answer."""


def seconds_of(table: dict[int, float]) -> Callable[[int], float]:
    """A step's time by its rows: straight between those known, both axes logarithmic."""
    rows, times = np.log(list(table)), np.log(list(table.values()))
    return lambda num_rows: float(np.exp(np.interp(np.log(num_rows), rows, times))) / 1000


def surprises(rng: random.Random) -> Iterator[float]:
    """By how much a step takes longer than it should: neighbours come, stay and go."""
    num_slow = 0
    while True:
        num_slow = num_slow - 1 if num_slow else rng.random() < 1 / 400 and rng.randrange(20, 200)
        hiccup = rng.uniform(1, 6) if rng.random() < 0.01 else 1.0
        yield math.exp(rng.gauss(0, 0.08)) * hiccup * (2 if num_slow else 1)


def speed_up(streams: list[Stream], seconds: Callable[[int], float], *, is_noisy: bool) -> float:
    """How many times as fast answers are made side by side as without drafts.

    Noise is in the times that are told, not in those that are summed up.
    """
    speculation, noise = Speculation(), surprises(random.Random(3))
    works = [Work(answer, list(prompt)) for prompt, answer in streams]
    with_drafts = 0.0
    while running := [work for work in works if work.num_left]:
        asked = [(work.drafter, work.num_left - 1) for work in running]
        drafts = speculation.draft(asked, len(running))
        num_rows = len(running) + sum(map(len, drafts))
        with_drafts += seconds(num_rows)
        speculation.record(num_rows, seconds(num_rows) * (next(noise) if is_noisy else 1))
        for work, mine in zip(running, drafts, strict=True):
            work.go_on(mine)
    for work, (prompt, answer) in zip(works, streams, strict=True):
        assert work.token_ids == prompt + answer
    longest = max(len(answer) for _, answer in streams)
    num_running = (sum(len(answer) > step for _, answer in streams) for step in range(longest))
    return sum(map(seconds, num_running)) / with_drafts


def edited(text: str, rng: random.Random) -> str:
    """The text with one line in ten changed: rewritten, left out, or with a new one before it."""
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        words = line.split()
        match rng.randrange(30):
            case 0:
                lines.append(" ".join(rng.sample(words, len(words))) + "\n")
            case 1:
                lines += [f"note {rng.randrange(1000)}: {' '.join(words[::-2])}\n", line]
            case 2:
                pass
            case _:
                lines.append(line)
    return "".join(lines)


def records(rng: random.Random) -> str:
    items = [
        {
            "id": number,
            "name": rng.choice(("apple", "plum", "fig", "lime")) + str(rng.randrange(99)),
            "price": round(rng.random() * 100, 2),
            "in_stock": rng.random() < 0.5,
        }
        for number in range(60)
    ]
    return json.dumps(items, indent=2)


def make_streams(tokenizer: Tokenizer) -> dict[str, Stream]:
    """By name; those with the word edit repeat nine tenths of their prompt."""
    rng = random.Random(1)

    def read(*names: str) -> str:
        return "\n".join((ROOT / name).read_text("utf-8") for name in names)

    ideas = "docs/ideas/"
    code, log = read("src/ossia/harmony/tool_types.py"), read("benchmarks/LOG.md")
    page = read(ideas + "harmony.md", ideas + "repairs.md")
    comments = page.split("\n\n")
    quoting = "\n\n".join(part for pair in zip(comments, log.split("\n\n"), strict=False)
                          for part in pair)  # fmt: skip
    texts = {
        "edit of code": (code, edited(code, rng)),
        "edit of prose": (page, edited(page, rng)),
        "comments on quotes": (log, quoting),
        "JSON records": ("", records(rng)),
        "new code": ("", read("src/ossia/chat/schema.py")),
        "new prose": ("", read(ideas + "tiles.md", ideas + "envelope.md", ideas + "nano.md")),
        "Korean prose": ("", read("README.ko.md")),
    }
    streams = {
        name: (tokenizer.encode("Go on:\n" + prompt), tokenizer.encode(answer))
        for name, (prompt, answer) in texts.items()
    }
    streams["random tokens"] = ([1], [rng.randrange(200_000) for _ in range(3000)])
    streams["random of 20"] = ([1], [rng.randrange(20) for _ in range(3000)])
    return streams


@pytest.fixture(scope="module")
def streams() -> dict[str, Stream]:
    return make_streams(load_tokenizer(json=EMBEDDED["nano"] / "tokenizer.json"))


@pytest.mark.parametrize("is_noisy", [False, True], ids=["quiet", "noisy"])
@pytest.mark.parametrize("times", ["cpu", "gpu"])
def test_it_is_never_slower_and_faster_where_text_repeats(streams, times, is_noisy) -> None:
    seconds = seconds_of(TIMES[times])
    for name, stream in streams.items():
        found = speed_up([stream], seconds, is_noisy=is_noisy)
        least = {"cpu": 1.8, "gpu": 5.0}[times] if "edit" in name else 0.97
        assert found > least, name


def test_little_is_lost_where_drafts_cannot_pay(streams) -> None:
    for name, stream in streams.items():
        assert speed_up([stream], seconds_of(TIMES["linear"]), is_noisy=True) > 0.94, name


@pytest.mark.parametrize(
    ("num_editing", "num_others", "least"), [(8, 0, 1.5), (1, 7, 0.97), (0, 8, 0.97)]
)
def test_eight_at_a_time(streams, num_editing, num_others, least) -> None:
    together = [streams["edit of code"]] * num_editing + [streams["new prose"]] * num_others
    assert speed_up(together, seconds_of(TIMES["cpu"]), is_noisy=True) > least


def test_it_comes_back_after_steps_that_were_slow(streams) -> None:
    """Wide steps take six times as long for a while; narrow ones do not, so it gives them up."""
    prompt, answer = streams["edit of code"]
    seconds, speculation = seconds_of(TIMES["cpu"]), Speculation()
    work, widths = Work(answer, list(prompt)), []
    for _ in range(3000):
        if work.num_left < 32:
            work = Work(answer, list(prompt))
        drafts = speculation.draft([(work.drafter, 31)], 1)[0]
        is_slow = 50 <= len(widths) < 250 and drafts
        speculation.record(1 + len(drafts), seconds(1 + len(drafts)) * (6 if is_slow else 1))
        work.go_on(drafts)
        widths.append(1 + len(drafts))
    assert np.mean(widths[150:250]) < 2
    assert np.mean(widths[-200:]) > 8


@pytest.mark.o200k
def test_what_it_brings_on_the_real_vocabulary(o200k_path: Path) -> None:
    streams = make_streams(load_tokenizer(ranks=o200k_path))
    code, prose = streams["edit of code"], streams["new prose"]
    together = {
        **{name: [stream] for name, stream in streams.items()},
        "8 edits side by side": [code] * 8,
        "an edit beside 7 of prose": [code] + [prose] * 7,
        "8 of prose": [prose] * 8,
    }
    print("\n| | tokens | cpu | gpu |\n|---|---|---|---|")  # noqa: T201
    for name, works in together.items():
        found = [
            speed_up(works, seconds_of(TIMES[times]), is_noisy=True) for times in ("cpu", "gpu")
        ]
        num_tokens = sum(len(answer) for _, answer in works)
        print(f"| {name} | {num_tokens:,} | {found[0]:.2f} | {found[1]:.2f} |")  # noqa: T201
        assert min(found) > 0.97, name
