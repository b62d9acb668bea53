"""Sequences that begin with tokens nobody computed: the engine goes on from them as from others."""

from pathlib import Path

import numpy as np
import pytest

from ossia.bench.observed import ObservedOps
from ossia.bench.stored import add_stored, fill_pages
from ossia.checkpoint import open_checkpoint
from ossia.engine import Engine, Request, Sampling
from ossia.model import Config, load_params
from ossia.ops import reference
from ossia.ops.arrays import NO_PAGE, PAGE_SIZE


@pytest.fixture
def make(model: Path):
    def make_engine(context: int) -> tuple[Engine, ObservedOps]:
        source = open_checkpoint(model)
        config = Config.from_mapping(source.config)
        ops = ObservedOps(reference)
        engine = Engine(load_params(source, config.num_layers), config, ops, context)
        return engine, ops

    return make_engine


def request(length: int, max_tokens: int) -> Request:
    ids = np.random.default_rng(1).integers(300, size=length)
    return Request(tuple(ids.tolist()), Sampling(temperature=0), max_tokens=max_tokens)


def run(engine: Engine, sequence) -> list[int]:
    num_prompt = len(sequence.request.prompt_ids)
    while sequence.finish is None:
        engine.step()
        engine.check_integrity()
    return sequence.token_ids[num_prompt:]


@pytest.mark.parametrize("length", [2, 32, 33, 129, 161, 400])
def test_with_the_keys_that_a_prompt_left_it_says_what_the_prompt_says(make, length: int) -> None:
    """Pages are given out in one order, so a second engine run finds the first one's keys."""
    computed, ops = make(500)
    expected = run(computed, computed.add(request(length, 40)))
    engine, copies = make(500)
    sequence = add_stored(engine, request(length, 40))
    twin, twin_ops = make(500)  # runs the prompt; its pages, full and sliding, become ours
    twin_sequence = twin.add(request(length, 40))
    while twin_sequence.num_output == 0:
        twin.step()
    ours = engine.cache.prefixes.walk(sequence.token_ids)
    theirs = twin.cache.prefixes.walk(sequence.token_ids)
    assert len(ours) == len(theirs) == (length - 1) // PAGE_SIZE
    assert engine.cache.num_known(sequence) == len(ours) * PAGE_SIZE
    for layer, window in enumerate(engine.config.windows):
        kind = "full_page" if window is None else "sliding_page"
        for source, target in zip(theirs, ours, strict=True):
            page, known = getattr(target, kind), getattr(source, kind)
            if page != NO_PAGE:
                copies.pages[layer].keys[page] = twin_ops.pages[layer].keys[known]
                copies.pages[layer].values[page] = twin_ops.pages[layer].values[known]
    assert run(engine, sequence) == expected
    assert ops.pages


def test_it_takes_no_more_pages_than_it_needs(make) -> None:
    engine, _ = make(5000)
    sequence = add_stored(engine, request(4900, 50))
    engine.step()
    held = [page for page in sequence.sliding_pages if page >= 0]
    assert len(held) <= 128 // 32 + 1
    assert len(sequence.full_pages) == -(-4900 // 32)
    run(engine, sequence)
    engine.check_integrity()


def test_every_page_is_filled(make) -> None:
    engine, ops = make(5000)
    for pages in ops.pages:
        pages.keys.fill(0)
        pages.values.fill(0)
    fill_pages(engine.config, ops.pages, reference)
    for pages in ops.pages:
        assert (np.abs(pages.keys).reshape(len(pages.keys), -1).max(axis=1) > 0).all()
        assert (pages.keys != 0).mean() > 0.99
        assert (pages.values != 0).mean() > 0.99
        assert not (pages.keys == pages.values).all()
