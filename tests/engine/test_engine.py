"""The engine on small random models: alone or in company, whole or in pieces, the same tokens."""

import random
import re
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.alone import ids_of, outputs

from ossia.base.errors import BusyError, InputError
from ossia.checkpoint.shape import SyntheticShape
from ossia.checkpoint.source import TokenizerFiles
from ossia.checkpoint.synthetic import SyntheticCheckpoint
from ossia.engine import End, Engine, Finish, Prefill, Request, Sampling, Token, choice
from ossia.engine.disk_cache import DiskCache
from ossia.engine.pace import Pace
from ossia.engine.speculation import Speculation
from ossia.model import Config, prepare_params
from ossia.ops.select import select_backend


@dataclass
class Clock:
    """Time as the tests want it."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class AnyPace(Pace):
    """Pieces of prompts of any length."""

    chance: random.Random = field(default_factory=lambda: random.Random(0))

    def prompt_tokens(self, _num_decoding: int) -> int:
        return self.chance.choice([1, 7, 32, 64, 512])


@dataclass
class AnyDrafts(Speculation):
    """Guesses that may be right, and such as never are, as many as there is room for."""

    chance: random.Random

    def draft(self, asked, _num_rows):
        found = []
        for drafter, most in asked:
            drafter.look()
            num_drafts = min(most, self.chance.choice([0, 1, 3, 9]))
            drafts = drafter.draft(num_drafts)
            if self.chance.random() < 0.3:
                drafts = tuple(self.chance.randrange(90) for _ in range(num_drafts))
            found.append(drafts)
        return found

    def record(self, num_rows, seconds) -> None:
        pass


@pytest.fixture(scope="module", params=["reference", "cpu"])
def make_engine(request):
    source = SyntheticCheckpoint(SyntheticShape.parse("2x64x4"), 1, TokenizerFiles())
    config = Config.from_mapping(source.config)
    ops = select_backend(request.param).ops
    params = prepare_params(source, config.num_layers, ops).params
    return lambda context=2048, **more: Engine(params, config, ops, context, **more)


@pytest.fixture(scope="module")
def disk_folder(make_engine, tmp_path_factory):  # noqa: ARG001 - one for each backend
    """A cache on disk for one backend."""
    return tmp_path_factory.mktemp("kv")


START = 99  # begins a message
BEGINNINGS = [
    (*(i * 7 % 90 for i in range(150)), START),
    (*(i * 11 % 90 for i in range(70)), START),
    (),
]

requests = st.builds(
    lambda beginning, prompt, seed, temperature, max_tokens, client, priority: Request(
        (*BEGINNINGS[beginning], *prompt),
        Sampling(temperature=temperature, seed=seed),
        max_tokens=max_tokens,
        boundary_ids=frozenset([START]),
        client=client,
        priority=priority,
    ),
    st.integers(0, len(BEGINNINGS) - 1),
    st.lists(st.integers(0, 90), min_size=1, max_size=200),
    st.integers(0, 9),
    st.sampled_from([0.0, 1.0]),
    st.integers(1, 40),
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 1),
)


@contextmanager
def recorded():
    """The bits of all logits that tokens were chosen from, by their request's seed and place."""
    found: dict[tuple[int, int], bytes] = {}
    plain = choice.sample

    def record(logits, sampling, position, *more):
        bits = logits.tobytes()
        assert found.setdefault((sampling.seed, position), bits) == bits
        return plain(logits, sampling, position, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "sample", record)
        yield found


@given(
    st.lists(requests, min_size=2, max_size=7),
    st.integers(0, 2**32),
    st.integers(512, 900),
)
@settings(max_examples=40, deadline=None)
def test_a_request_in_company_gets_the_logits_and_tokens_it_gets_alone(
    make_engine, disk_folder, asked, seed, room
):
    asked = [
        replace(
            request, sampling=replace(request.sampling, seed=10 * index + request.sampling.seed)
        )
        for index, request in enumerate(asked)
    ]
    with recorded() as logits_alone:
        alone = [ids_of(make_engine(), request) for request in asked]
    with recorded() as logits_in_company:
        disk = DiskCache(disk_folder, 1 << 24, "a model")  # what earlier examples left is in it
        engine = make_engine(context=room, disk=disk)
        in_company(engine, asked, alone, random.Random(seed))
        engine.close()
    assert logits_in_company.items() <= logits_alone.items()


def in_company(engine: Engine, asked: list[Request], alone: list[list[int]], chance) -> None:
    """Requests come, are cancelled, paused and preempted, at random, with too few pages."""
    engine._scheduler._pace = AnyPace(chance=chance)
    engine._speculation = AnyDrafts(chance)
    to_come, made, fate = list(range(len(asked))), {}, {}
    while to_come or engine.has_work or any(s.is_paused for s in made):
        if to_come and chance.random() < 0.3:
            index = to_come.pop()
            sequence = engine.add(asked[index])
            made[sequence], fate[sequence] = [], index
        for sequence in list(made):
            if chance.random() < 0.003:
                engine.cancel(sequence)
                del made[sequence]
            elif sequence.is_paused or chance.random() < 0.02:
                sequence.is_paused = chance.random() < 0.5
        for sequence, output in engine.step():
            if isinstance(output, Token):
                made[sequence].append(output.token_id)
            elif isinstance(output, End):
                assert output.finish is Finish.LENGTH
                assert made.pop(sequence) == alone[fate[sequence]]
        engine.check_integrity()
    assert not made
    assert sum(engine.metrics.ends.values()) == len(asked)


def test_company_is_tried_with_preemption_and_known_beginnings(make_engine) -> None:
    """The property above is worth what happens in it."""
    asked = [
        Request(
            (*BEGINNINGS[0], i, *range(60)),
            Sampling(i % 2, seed=i),
            max_tokens=90,
            boundary_ids=frozenset([START]),
        )
        for i in range(6)
    ]
    alone = [ids_of(make_engine(), request) for request in asked]
    engine = make_engine(context=512)
    in_company(engine, asked, alone, random.Random(3))
    assert engine.metrics.num_preempted > 0
    assert engine.metrics.cached_tokens > 0
    assert engine.metrics.num_evicted > 0
    assert engine.metrics.accepted_tokens > 0
    assert engine.metrics.draft_tokens > engine.metrics.accepted_tokens


def test_after_a_restart_a_conversation_goes_on_at_once(make_engine, tmp_path) -> None:
    prompt = tuple(i % 90 for i in range(1000))
    first = make_engine(disk=DiskCache(tmp_path, 1 << 26, "a model"))
    answer = ids_of(first, Request(prompt, max_tokens=100))
    first.close()
    again = Request((*prompt, *answer, 5, 6, 7), max_tokens=9)
    second = make_engine(disk=DiskCache(tmp_path, 1 << 26, "a model"))
    *_, end = outputs(second, again)
    assert end.num_cached == 1088
    assert second.metrics.num_restored == 1088 // 32
    second.close()
    third = make_engine(disk=DiskCache(tmp_path, 1 << 26, "another model"))
    assert ids_of(third, again) == ids_of(second, again)
    assert third.metrics.num_restored == 0
    third.close()


def test_a_damaged_page_on_disk_is_computed_again(make_engine, tmp_path, caplog) -> None:
    prompt = tuple(i % 90 for i in range(700))
    first = make_engine(disk=DiskCache(tmp_path, 1 << 26, "a model"))
    ids_of(first, Request(prompt, max_tokens=1))
    first.close()
    for path in sorted(tmp_path.rglob("*.full"))[5:9]:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    again = Request((*prompt, 5, 6, 7), max_tokens=9)
    second = make_engine(disk=DiskCache(tmp_path, 1 << 26, "a model"))
    assert ids_of(second, again) == ids_of(make_engine(), again)
    assert "damaged" in caplog.text
    second.close()


def test_a_stop_token_ends_the_answer_and_is_part_of_it(make_engine) -> None:
    prompt = (1, 2, 3)
    free = ids_of(make_engine(), Request(prompt, max_tokens=9))
    stop = free[4]
    request = Request(prompt, stop_ids=frozenset([stop]), max_tokens=9)
    *stopped, end = outputs(make_engine(), request)
    assert [t.token_id for t in stopped] == free[: free.index(stop) + 1]
    assert end == End(Finish.STOP)


def test_the_context_ends_an_answer(make_engine) -> None:
    *tokens, end = outputs(make_engine(context=40), Request(tuple(range(30))))
    assert len(tokens) == 10
    assert end == End(Finish.LENGTH)


@pytest.mark.parametrize("num_steps", [0, 1, 2, 5])
def test_cancelling_frees_everything_at_any_moment(make_engine, num_steps: int) -> None:
    engine = make_engine()
    sequence = engine.add(Request(tuple(i % 90 for i in range(600)), max_tokens=9))
    for _ in range(num_steps):
        engine.step()
    for _ in range(2):  # twice is once
        engine.cancel(sequence)
        engine.check_integrity()
    assert not engine.has_work
    assert engine.step() == []
    assert engine.metrics.ends == {"cancelled": 1}


@pytest.mark.parametrize(
    ("prompt", "words"),
    [((), "empty"), ((0,) * 64, "64 tokens long.*--context"), ((0, 10**6), "another model")],
)
def test_prompts_that_cannot_be_run_are_refused(make_engine, prompt, words) -> None:
    engine = make_engine(context=64)
    with pytest.raises(InputError, match=words):
        engine.add(Request(prompt))
    assert engine.metrics.num_requests == 0


def test_too_many_are_refused_in_words(make_engine) -> None:
    engine = make_engine(max_waiting=3)
    for _ in range(3):
        engine.add(Request((1,), max_tokens=1))
    with pytest.raises(BusyError, match="3 requests wait"):
        engine.add(Request((1,), max_tokens=1))
    engine.step()
    assert engine.add(Request((1,), max_tokens=1))


def test_a_long_prompt_says_how_far_it_is(make_engine) -> None:
    request = Request(tuple(i % 90 for i in range(1100)), Sampling(temperature=0), max_tokens=2)
    made = outputs(make_engine(), request)
    assert made[:2] == [Prefill(512, 1100), Prefill(1024, 1100)]
    assert [type(output) for output in made[2:]] == [Token, Token, End]


def test_the_window_holds_few_pages_however_long_the_prompt(make_engine) -> None:
    engine = make_engine()
    sequence = engine.add(Request(tuple(i % 90 for i in range(1500)), max_tokens=3))
    while sequence.num_output == 0:
        engine.step()
    assert sum(page >= 0 for page in sequence.sliding_pages) <= 5
    assert engine.plan.sliding_pages < engine.plan.full_pages


def test_the_next_turn_computes_only_what_is_new(make_engine) -> None:
    prompt = tuple(i % 90 for i in range(1000))
    engine = make_engine()
    answer = ids_of(engine, Request(prompt, max_tokens=200))
    whole = (*prompt, *answer, 5, 6, 7)
    again = Request(whole, max_tokens=5)
    assert ids_of(engine, again) == ids_of(make_engine(), again)
    *_, end = outputs(engine, again)
    assert end.num_cached == 1184  # all whole pages
    # The reasoning was dropped: what follows the first prompt is another text.
    dropped = Request((*prompt, *range(40, 80)), max_tokens=5)
    *_, end = outputs(engine, dropped)
    assert end.num_cached == 992
    assert ids_of(engine, dropped) == ids_of(make_engine(), dropped)


def test_a_message_within_an_answer_can_be_gone_on_from(make_engine) -> None:
    """A call of a tool is written anew in the next prompt: only what precedes it is the same."""
    prompt = tuple(i % 90 for i in range(100))
    bias = ((START, -100.0),)
    free = ids_of(make_engine(), Request(prompt, Sampling(seed=1, logit_bias=bias), max_tokens=600))
    begins = free[300]  # any token of the answer, for the one that begins a message
    place = free.index(begins)
    request = Request(
        prompt,
        Sampling(seed=1, logit_bias=bias),
        max_tokens=600,
        boundary_ids=frozenset([begins]),
    )
    engine = make_engine()
    assert ids_of(engine, request) == free
    again = Request((*prompt, *free[:place], START, 1, 2), max_tokens=5)
    *_, end = outputs(engine, again)
    assert (100 + place) // 32 * 32 - 32 <= end.num_cached <= 100 + place
    assert ids_of(engine, again) == ids_of(make_engine(), again)


def test_choices_share_one_prefill(make_engine) -> None:
    prompt = tuple(i % 90 for i in range(600))
    asked = [Request(prompt, Sampling(seed=seed), max_tokens=4) for seed in range(5)]
    engine = make_engine(context=4096)
    sequences = [engine.add(request) for request in asked]
    while engine.has_work:
        engine.step()
    assert engine.metrics.step_tokens < 600 + 4 * 32 + 5 * 4
    assert [s.token_ids[600:] for s in sequences] == [ids_of(make_engine(), r) for r in asked]


def test_ten_agents_compute_their_common_instructions_once(make_engine) -> None:
    head = tuple(i % 90 for i in range(320))
    asked = [
        Request(
            (*head, START, *[seed] * 40),
            Sampling(seed=seed),
            max_tokens=4,
            boundary_ids=frozenset([START]),
        )
        for seed in range(10)
    ]
    engine = make_engine(context=4096)
    for request in asked:
        engine.add(request)
    while engine.has_work:
        engine.step()
        engine.check_integrity()
    assert engine.metrics.step_tokens < 320 + 10 * (41 + 4)


def test_who_waits_for_a_token_waits_for_a_piece_of_a_prompt_only(make_engine) -> None:
    engine = make_engine(context=4096)
    one = engine.add(Request((1, 2, 3), max_tokens=200))
    while one.num_output == 0:
        engine.step()
    long = engine.add(Request(tuple(i % 90 for i in range(3000)), max_tokens=1))
    num_output = one.num_output
    while long.num_output == 0 and one.finish is None:
        stored = long.num_stored
        engine.step()
        assert long.num_stored - stored <= 512
        assert one.num_output == (num_output := num_output + 1)


def test_clients_get_equal_shares(make_engine) -> None:
    """One client asks for a hundred things, another then for one."""
    engine = make_engine(context=512, max_running=2)
    for index in range(20):
        engine.add(Request((index, 2, 3), max_tokens=5, client="busy"))
    other = engine.add(Request((9, 9), max_tokens=5, client="other"))
    num_ended = 0
    while other.finish is None:
        num_ended += sum(isinstance(output, End) for _, output in engine.step())
    assert num_ended <= 4


def test_priority_goes_first_and_takes_pages(make_engine) -> None:
    engine = make_engine(context=512)
    low = engine.add(Request((1,) * 300, max_tokens=150))
    while low.num_output < 5:
        engine.step()
    high = engine.add(Request((2,) * 300, max_tokens=4, priority=1))
    while high.finish is None:
        engine.step()
        engine.check_integrity()
    assert low.finish is None
    assert engine.metrics.num_preempted == 1
    while low.finish is None:
        engine.step()
    assert low.token_ids[300:] == ids_of(make_engine(), low.request)


def test_a_deadline_ends_an_answer_where_it_is(make_engine) -> None:
    clock = Clock()
    engine = make_engine(clock=clock)
    sequence = engine.add(Request((1, 2), timeout=10))
    waiting = engine.add(Request((1, 2), timeout=30))
    made = []
    for clock.seconds in (0, 5, 9, 11):
        made += [output for owner, output in engine.step() if owner is sequence]
    *tokens, end = made
    assert len(tokens) == 3
    assert end == End(Finish.DEADLINE)
    clock.seconds = 31
    assert (waiting, End(Finish.DEADLINE)) in engine.step()
    engine.check_integrity()


def test_who_is_paused_waits_and_goes_on_as_if_nothing_had_been(make_engine) -> None:
    engine = make_engine()
    asked = [Request((1, 2), max_tokens=9), Request((5,) * 40, max_tokens=9)]
    one, two = (engine.add(request) for request in asked)
    engine.step()
    engine.pause(one)
    while two.finish is None:
        engine.step()
    assert one.num_output == 1
    assert not engine.has_work
    engine.resume(one)
    while one.finish is None:
        engine.step()
    assert one.token_ids[2:] == ids_of(make_engine(), asked[0])


def test_slow_readers_cannot_keep_others_out(make_engine) -> None:
    engine = make_engine(context=256)
    slow = engine.add(Request((1,) * 200, max_tokens=20))
    while slow.num_output < 2:
        engine.step()
    engine.pause(slow)
    other = Request((2,) * 200, max_tokens=4)
    sequence = engine.add(other)
    while sequence.finish is None:
        engine.step()
        engine.check_integrity()
    engine.resume(slow)
    while slow.finish is None:
        engine.step()
    assert slow.token_ids[200:] == ids_of(make_engine(), slow.request)


class Breaking:
    """Ops that fail whenever a certain token is in the batch."""

    def __init__(self, ops, token_id: int, error: Exception) -> None:
        self._ops, self._token_id, self._error = ops, token_id, error

    def __getattr__(self, name: str):
        return getattr(self._ops, name)

    def embed(self, embedding, token_ids):
        if self._token_id in token_ids:
            raise self._error
        return self._ops.embed(embedding, token_ids)


@pytest.mark.parametrize(
    ("error", "words"),
    [(ValueError("a bug"), "inside ossia .*a bug"), (MemoryError(), "more memory than is free")],
)
def test_a_failure_in_one_request_fails_that_request_alone(make_engine, error, words) -> None:
    engine = make_engine()
    good = Request((1, 2, 3), Sampling(temperature=0), max_tokens=6)
    alone = ids_of(make_engine(), good)
    bad_token = next(i for i in range(90) if i not in {1, 2, 3, *alone})
    engine._ops = Breaking(engine._ops, bad_token, error)
    one, bad = engine.add(good), engine.add(Request((4, bad_token), max_tokens=5))
    ends = {}
    while engine.has_work:
        ends |= {owner: output for owner, output in engine.step() if isinstance(output, End)}
        engine.check_integrity()
    assert ends[bad].finish is Finish.FAILED
    assert re.search(words, str(ends[bad].error))
    assert ends[one].finish is Finish.LENGTH
    assert one.token_ids[3:] == alone


def test_prompts_are_scored_token_by_token(make_engine) -> None:
    prompt = tuple(i * 13 % 90 for i in range(100))
    engine = make_engine()
    ids_of(engine, Request(prompt, max_tokens=1))  # what is known is computed again all the same
    request = Request(prompt, Sampling(temperature=0), max_tokens=2, num_logprobs=3)
    *made, end = outputs(engine, replace(request, score_prompt=True))
    tokens = [output for output in made if isinstance(output, Token)]
    assert tuple(t.token_id for t in tokens[:100]) == prompt
    assert tokens[0].logprobs is None
    assert end.num_cached == 0
    for length in (1, 40, 99):  # the same as a shorter prompt says of its next token
        *_, _ = shorter = outputs(make_engine(), replace(request, prompt_ids=prompt[:length]))
        first = next(output for output in shorter if isinstance(output, Token))
        assert first.logprobs.top == tokens[length].logprobs.top
    expected = outputs(make_engine(), request)
    assert tokens[100:] == [output for output in expected if isinstance(output, Token)]


def test_memory_for_more_conversations_is_planned(make_engine) -> None:
    one = make_engine(context=512)
    many = make_engine(context=512, kv_bytes=10 * one.plan.kv_bytes)
    assert one.plan.num_conversations(512, 128) == 1
    assert many.plan.num_conversations(512, 128) >= 8
    assert many.plan.kv_bytes <= 10 * one.plan.kv_bytes
    assert np.prod(many.cache.layers[0].keys.shape) > np.prod(one.cache.layers[0].keys.shape)


@dataclass
class Phrases:
    """A constraint: one of three tokens, then a phrase that leaves no choice, and so on."""

    phrase: tuple[int, ...] = (40, 41, 42, 43, 44)
    num_waits: int = 0
    accepted: list[int] = field(default_factory=list)

    @property
    def is_ready(self) -> bool:
        self.num_waits -= 1
        return self.num_waits < 0

    def mask(self):
        assert len(self.accepted) % (1 + len(self.phrase)) == 0, "asked where there is no choice"
        mask = np.zeros(90, np.bool_)
        mask[[1, 2, 3]] = True
        return mask

    def forced(self) -> tuple[int, ...]:
        place = len(self.accepted) % (1 + len(self.phrase))
        return self.phrase[place - 1 :] if place else ()

    def accept(self, token_id: int) -> None:
        self.accepted.append(token_id)


def test_tokens_without_a_choice_cost_no_pass_of_their_own(make_engine) -> None:
    engine = make_engine()
    request = Request((1, 2, 3), Sampling(seed=4), max_tokens=30, constraint=Phrases())
    made = ids_of(engine, request)
    assert [made[i : i + 5] for i in range(1, 30, 6)] == [[40, 41, 42, 43, 44]] * 5
    assert set(made[::6]) <= {1, 2, 3}
    assert request.constraint.accepted == made[:-1]
    assert engine.metrics.forced_tokens > 10  # a draft may come first
    assert engine.metrics.num_steps <= 6


@pytest.mark.parametrize("num_waits", [1, 3, 100])
def test_jumping_changes_no_token(make_engine, num_waits: int) -> None:
    """Whether the constraint was ready in time, or logits were wanted for each token, or not."""
    sampling = Sampling(seed=4)
    plain = Request((1, 2, 3), sampling, max_tokens=30, constraint=Phrases())
    slow = replace(plain, constraint=Phrases(num_waits=num_waits))
    expected = ids_of(make_engine(), plain)
    assert ids_of(make_engine(), slow) == expected
    engine = make_engine()
    told = replace(plain, constraint=Phrases(), num_logprobs=2)
    made = [output for output in outputs(engine, told) if isinstance(output, Token)]
    assert [token.token_id for token in made] == expected
    assert all(token.logprobs is not None for token in made)
    company = make_engine()
    other = company.add(Request((7,) * 200, max_tokens=60))
    company._speculation = AnyDrafts(random.Random(1))
    assert ids_of(company, replace(plain, constraint=Phrases(num_waits=2))) == expected
    company.cancel(other)


def test_a_scored_prompt_that_is_preempted_tells_its_scores_once(make_engine) -> None:
    prompt = tuple(i * 13 % 90 for i in range(200))
    engine = make_engine()
    sequence = engine.add(Request(prompt, max_tokens=2, score_prompt=True))
    made = []
    for step in range(30):
        if step == 3:
            engine._scheduler._preempt(sequence)
        made += [output for _, output in engine.step()]
        engine.check_integrity()
    assert sum(isinstance(output, Token) for output in made) == 202
    done = [output.num_done for output in made if isinstance(output, Prefill)]
    assert done == sorted(set(done))


def test_who_is_over_its_time_takes_nothing_from_the_living(make_engine) -> None:
    clock = Clock()
    engine = make_engine(context=512, clock=clock)
    living = engine.add(Request((1,) * 300, max_tokens=100))
    while living.num_output < 3:
        engine.step()
    dead = engine.add(Request((2,) * 300, max_tokens=4, priority=1, timeout=5))
    clock.seconds = 6
    num_output = living.num_output
    assert (dead, End(Finish.DEADLINE)) in engine.step()
    assert engine.metrics.num_preempted == 0
    assert living.num_output > num_output
    assert dead.num_stored == 0


def test_a_clock_that_stands_still_harms_nothing(make_engine) -> None:
    engine = make_engine(clock=Clock())
    engine.add(Request((1, 2), max_tokens=50))
    for _ in range(5):
        engine.step()
    long = engine.add(Request((3,) * 600, max_tokens=2))
    while long.finish is None:
        engine.step()


def test_what_is_read_from_disk_never_gives_up_its_own_path(make_engine, tmp_path) -> None:
    """A cache that is full of others' pages, and a conversation of which the end was given up."""
    prompt = tuple(i * 7 % 90 for i in range(600))
    disk = DiskCache(tmp_path / "kv", 1 << 26, "a model")
    engine = make_engine(context=1024, disk=disk)
    ids_of(engine, Request(prompt, max_tokens=1))
    while engine.has_work:  # pages are on their way to the disk
        engine.step()
    assert disk.flush(60)
    for seed in range(4):  # others come, and push it out from its end
        other = Request(tuple((i * 11 + seed) % 90 for i in range(250)), max_tokens=1)
        ids_of(engine, other)
    again = Request((*prompt, 5, 6, 7), max_tokens=4)
    sequence = engine.add(again)
    for _ in range(60):
        engine.step()
        engine.check_integrity()
    assert sequence.finish is Finish.LENGTH
    assert 0 < engine.metrics.num_restored <= 2 * 600 // 32
    assert sequence.token_ids[603:] == ids_of(make_engine(), again)
    engine.close()
