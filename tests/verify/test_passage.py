"""One text through the model: the same bits whichever pages hold it."""

import numpy as np
import pytest

from ossia.engine import Engine, Request, Sampling
from ossia.engine.request import Token
from ossia.verify.passage import Loaded, Passage

IDS = np.random.default_rng(1).integers(0, 1024, 700).tolist()


@pytest.mark.parametrize("is_recycling", [False, True])
def test_it_goes_on_as_the_engine_does(nano: Loaded, is_recycling: bool) -> None:
    """Greedily, after a prompt beyond the window, cut in several ways."""
    engine = Engine(nano.params, nano.config, nano.backend.ops, context=400)
    engine.add(Request(tuple(IDS[:300]), Sampling(temperature=0), max_tokens=12))
    expected = []
    while engine.has_work:
        expected += [out.token_id for _, out in engine.step() if isinstance(out, Token)]
    engine.close()
    passage = Passage(nano, 320, is_recycling=is_recycling)
    for start, end in ((0, 31), (31, 32), (32, 200), (200, 300)):
        logits = passage.feed(IDS[start:end])
    made = []
    for _ in range(12):
        made.append(int(logits[0].argmax()))
        logits = passage.feed(made[-1:])
    assert made == expected


def test_rows_are_those_asked_for(nano: Loaded) -> None:
    logits = Passage(nano, 64).feed(IDS[:64], range(64))
    assert logits.shape == (64, nano.config.vocabulary)
    passage = Passage(nano, 64)
    assert passage.feed(IDS[:10], []).shape == (0, nano.config.vocabulary)
    np.testing.assert_array_equal(passage.feed(IDS[10:64])[0], logits[-1])


def test_recycled_pages_are_few(nano: Loaded) -> None:
    window, whole = Passage(nano, 4096, is_recycling=True), Passage(nano, 4096)
    assert len(window._sliding) < 25
    assert len(whole._sliding) == len(whole._full) == 128
