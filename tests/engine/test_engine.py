"""The engine on small random models: alone or in company, whole or in chunks, the same tokens."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ossia.base.errors import InputError
from ossia.checkpoint.shape import SyntheticShape
from ossia.checkpoint.source import TokenizerFiles
from ossia.checkpoint.synthetic import SyntheticCheckpoint
from ossia.engine import End, Engine, Finish, Prefill, Request, Sampling, Token
from ossia.engine import engine as engine_module
from ossia.engine.sampler import sample
from ossia.model import Config, prepare_params
from ossia.ops.select import select_backend


@pytest.fixture(scope="module", params=["reference", "cpu"])
def make_engine(request):
    source = SyntheticCheckpoint(SyntheticShape.parse("2x64x4"), 1, TokenizerFiles())
    config = Config.from_mapping(source.config)
    ops = select_backend(request.param).ops
    params = prepare_params(source, config.num_layers, ops).params
    return lambda context=2048: Engine(params, config, ops, context)


requests = st.builds(
    lambda prompt, seed, temperature, max_tokens: Request(
        tuple(prompt), Sampling(temperature=temperature, seed=seed), max_tokens=max_tokens
    ),
    st.lists(st.integers(0, 90), min_size=1, max_size=200),
    st.integers(0, 9),
    st.sampled_from([0.0, 1.0]),
    st.integers(1, 12),
)


@contextmanager
def recorded():
    """The bits of all logits that tokens were chosen from, by their request's seed and place."""
    found = {}

    def record(logits, sampling, position):
        found[sampling.seed, position] = logits.tobytes()
        return sample(logits, sampling, position)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "sample", record)
        yield found


@given(st.lists(requests, min_size=2, max_size=4), st.lists(st.integers(0, 3), max_size=4))
@settings(max_examples=12, deadline=None)
def test_a_request_in_company_gets_the_logits_and_tokens_it_gets_alone(
    make_engine, asked, cancelled
):
    asked = [
        replace(request, sampling=replace(request.sampling, seed=10 * seed + request.sampling.seed))
        for seed, request in enumerate(asked)
    ]
    with recorded() as logits_alone:
        alone = [[token.token_id for token in make_engine().generate(request)] for request in asked]
    with recorded() as logits_in_company:
        in_company(make_engine, asked, cancelled, alone)
    assert logits_in_company.items() <= logits_alone.items()


def in_company(make_engine, asked, cancelled, alone):
    engine = make_engine(context=512)  # too small for all at once: some wait
    sequences = [engine.add(request) for request in asked]
    dropped = {index for index in cancelled if index < len(asked)}
    for _ in range(300):
        engine.step()
        engine.check_integrity()
        for index in dropped:
            engine.cancel(sequences[index])
        if all(s.finish or i in dropped for i, s in enumerate(sequences)):
            break
    for index, sequence in enumerate(sequences):
        made = sequence.token_ids[len(sequence.request.prompt_ids) :]
        if index not in dropped:
            assert made == alone[index]
    assert engine._full_pool.num_free == engine.plan.full_pages
    assert engine._sliding_pool.num_free == engine.plan.sliding_pages


def test_a_stop_token_ends_the_answer_and_is_part_of_it(make_engine) -> None:
    prompt = (1, 2, 3)
    free = [t.token_id for t in make_engine().generate(Request(prompt, max_tokens=9))]
    stop = free[4]
    request = Request(prompt, stop_ids=frozenset([stop]), max_tokens=9)
    *stopped, end = make_engine().stream(request)
    assert [t.token_id for t in stopped] == free[: free.index(stop) + 1]
    assert end == End(Finish.STOP)


def test_the_context_ends_an_answer(make_engine) -> None:
    *tokens, end = make_engine(context=40).stream(Request(tuple(range(30))))
    assert len(tokens) == 10
    assert end == End(Finish.LENGTH)


def test_closing_the_iterator_frees_the_pages(make_engine) -> None:
    engine = make_engine()
    answer = engine.generate(Request(tuple(range(50))))
    next(answer)
    assert engine._full_pool.num_free < engine.plan.full_pages
    answer.close()
    engine.check_integrity()
    assert engine._full_pool.num_free == engine.plan.full_pages
    assert engine.step() == []


def test_two_iterators_share_the_engine_and_lose_nothing(make_engine) -> None:
    first, second = Request((1, 2, 3), max_tokens=8), Request((9,) * 40, max_tokens=5)
    alone = [[t.token_id for t in make_engine().generate(r)] for r in (first, second)]
    engine = make_engine()
    one, two = engine.generate(first), engine.generate(second)
    ids: list[list[int]] = [[], []]
    for _ in range(8):
        for out, stream in zip(ids, (one, two), strict=True):
            out.extend(token.token_id for token in [next(stream, None)] if token)
    assert ids == alone


@pytest.mark.parametrize(
    ("prompt", "words"),
    [((), "empty"), ((0,) * 64, "64 tokens long.*--context"), ((0, 10**6), "another model")],
)
def test_prompts_that_cannot_be_run_are_refused(make_engine, prompt, words) -> None:
    with pytest.raises(InputError, match=words):
        make_engine(context=64).add(Request(prompt))


def test_long_prompts_run_in_chunks_and_windows_slide(make_engine) -> None:
    prompt = tuple(np.random.default_rng(0).integers(0, 90, 1500).tolist())
    engine = make_engine()
    sequence = engine.add(Request(prompt, Sampling(temperature=0), max_tokens=3))
    steps = 0
    while sequence.finish is None:
        engine.step()
        engine.check_integrity()
        steps += 1
    assert steps == 3 + 2  # three chunks of up to 512, the last of which gives the first token
    held_by_window = engine.plan.sliding_pages
    assert held_by_window < engine.plan.full_pages


def test_a_long_prompt_says_how_far_it_is(make_engine) -> None:
    request = Request(tuple(i % 90 for i in range(1100)), Sampling(temperature=0), max_tokens=2)
    engine = make_engine()
    streamed = list(engine.stream(request))
    assert streamed[:2] == [Prefill(512, 1100), Prefill(1024, 1100)]
    assert all(isinstance(made, Token) for made in streamed[2:-1])
    assert list(engine.generate(request)) == streamed[2:-1]


def test_a_stream_closed_within_the_prompt_frees_the_pages(make_engine) -> None:
    engine = make_engine()
    stream = engine.stream(Request((1,) * 1100))
    assert next(stream) == Prefill(512, 1100)
    stream.close()
    engine.check_integrity()
    assert engine._full_pool.num_free == engine.plan.full_pages
    assert engine._sliding_pool.num_free == engine.plan.sliding_pages
