"""Masks in the engine: obeyed, waited for without holding anyone up, and failing alone."""

from dataclasses import dataclass, field
from itertools import takewhile

import numpy as np
import pytest
from tests.engine.alone import ids_of, outputs

from ossia.base.errors import OssiaError
from ossia.checkpoint.shape import SyntheticShape
from ossia.checkpoint.source import TokenizerFiles
from ossia.checkpoint.synthetic import SyntheticCheckpoint
from ossia.engine import End, Engine, Finish, Request, Sampling, Token
from ossia.engine.constraint import forced_ids
from ossia.model import Config, load_params
from ossia.ops import reference

HOT = Sampling(temperature=2.0, seed=5)


@pytest.fixture(scope="module")
def engine() -> Engine:
    source = SyntheticCheckpoint(SyntheticShape.parse("2x64x4"), 1, TokenizerFiles())
    config = Config.from_mapping(source.config)
    return Engine(load_params(source, config.num_layers), config, reference, 512)


@dataclass
class Cycle:
    """Allows the ids of one set after the other, in a circle; slow at will."""

    sets: list[list[int]]
    size: int = 64
    num_waits: int = 0
    accepted: list[int] = field(default_factory=list)

    @property
    def is_ready(self) -> bool:
        self.num_waits -= 1
        return self.num_waits < 0

    def mask(self):
        mask = np.zeros(self.size, np.bool_)
        mask[self.sets[len(self.accepted) % len(self.sets)]] = True
        return mask

    def forced(self) -> list[int]:
        return []

    def accept(self, token_id: int) -> None:
        self.accepted.append(token_id)


class Jumping(Cycle):
    """The same, which tells of the sets that leave no choice."""

    def forced(self) -> list[int]:
        first = len(self.accepted)
        following = [self.sets[(first + i) % len(self.sets)] for i in range(len(self.sets))]
        return [ids[0] for ids in takewhile(lambda ids: len(ids) == 1, following)]


def test_only_allowed_tokens_are_sampled(engine) -> None:
    cycle = Cycle([[7], [1, 2, 3], [40, 41]])
    made = ids_of(engine, Request((1,), HOT, max_tokens=30, constraint=cycle))
    assert all(token in cycle.sets[i % 3] for i, token in enumerate(made))
    assert len({token for token in made if token in (1, 2, 3)}) > 1
    assert cycle.accepted == made[:-1]  # nothing follows the last


@pytest.mark.parametrize(
    "sampling",
    [Sampling(temperature=0), Sampling(top_k=3), Sampling(top_p=0.5), Sampling(min_p=0.2)],
)
def test_filters_choose_among_what_is_allowed(engine, sampling) -> None:
    made = ids_of(engine, Request((1,), sampling, max_tokens=9, constraint=Cycle([[5, 9]])))
    assert set(made) <= {5, 9}


def test_a_mask_of_everything_changes_nothing(engine) -> None:
    everything = Cycle([list(range(engine.config.vocabulary))], engine.config.vocabulary)
    free = ids_of(engine, Request((1, 2), HOT, max_tokens=20))
    assert ids_of(engine, Request((1, 2), HOT, max_tokens=20, constraint=everything)) == free


def test_jumping_ahead_changes_no_token(engine) -> None:
    sets = [[7], [8], [1, 2, 3], [40], [4, 5], [6, 7]]
    request = Request((1, 2), HOT, max_tokens=40, constraint=Cycle(sets))
    jumping = Request((1, 2), HOT, max_tokens=40, constraint=Jumping(sets))
    late = Request((1, 2), HOT, max_tokens=40, constraint=Jumping(sets, num_waits=9))
    made = ids_of(engine, request)
    assert made == ids_of(engine, jumping) == ids_of(engine, late)


def test_a_stop_token_ends_an_answer_that_jumps_over_it(engine) -> None:
    request = Request((1,), HOT, frozenset([9]), constraint=Jumping([[3, 4], [8], [9], [7]]))
    assert ids_of(engine, request)[1:] == [8, 9]


def test_what_is_forced_is_told_in_order() -> None:
    assert forced_ids(Jumping([[3], [0], [63], [1, 2]]), 64) == [3, 0, 63]
    assert forced_ids(Jumping([[1, 2], [3]]), 64) == []


@pytest.mark.parametrize("token_id", [-1, 64, 1 << 40])
def test_a_forced_token_that_the_model_lacks_is_refused(token_id: int) -> None:
    with pytest.raises(OssiaError, match="outside the model's 64"):
        forced_ids(Jumping([[3], [token_id], [1, 2]]), 64)


def test_rows_beyond_the_mask_are_not_allowed(engine) -> None:
    short = Cycle([list(range(16))], 16)
    assert max(ids_of(engine, Request((1,), HOT, max_tokens=40, constraint=short))) < 16


def test_a_stop_token_ends_a_constrained_answer(engine) -> None:
    request = Request((1,), HOT, frozenset([9]), constraint=Cycle([[3], [9]]))
    assert outputs(engine, request)[-1] == End(Finish.STOP)


def test_a_slow_mask_holds_up_nobody_and_changes_no_token(engine) -> None:
    slow = Request((1, 2), HOT, max_tokens=3, constraint=Cycle([[3, 4, 5]], num_waits=6))
    other = Request((9,) * 20, HOT, max_tokens=8)
    alone = ids_of(engine, Request((1, 2), HOT, max_tokens=3, constraint=Cycle([[3, 4, 5]])))
    free = ids_of(engine, other)
    one, two = engine.add(slow), engine.add(other)
    made: dict[object, list[int]] = {one: [], two: []}
    counts = []
    while one.finish is None or two.finish is None:
        for sequence, output in engine.step():
            if isinstance(output, Token):
                made[sequence].append(output.token_id)
        engine.check_integrity()
        counts.append((len(made[one]), len(made[two])))
    assert made == {one: alone, two: free}
    assert (0, 6) in counts  # it waited while the other went on


def test_a_lone_sequence_is_waited_for(engine) -> None:
    slow = Cycle([[3]], num_waits=1000)
    assert ids_of(engine, Request((1,), HOT, max_tokens=2, constraint=slow)) == [3, 3]


def test_a_dead_end_fails_its_own_request_only(engine) -> None:
    doomed = Request((1,), HOT, max_tokens=9, constraint=Cycle([[3], []]))
    other = Request((9,), HOT, max_tokens=6)
    free = ids_of(engine, other)
    one, two = engine.add(doomed), engine.add(other)
    while two.finish is None:
        engine.step()
        engine.check_integrity()
    assert one.finish is Finish.FAILED
    assert two.token_ids[1:] == free
    with pytest.raises(OssiaError, match="no token may come next"):
        ids_of(engine, Request((1,), HOT, constraint=Cycle([[3], []])))
    engine.check_integrity()


class BrokenMask(Cycle):
    def mask(self):
        raise RuntimeError("out of order")


class BrokenForced(Cycle):
    def forced(self) -> list[int]:
        raise RuntimeError("out of order")


def test_what_is_forced_may_be_an_error_in_words() -> None:
    with pytest.raises(OssiaError, match="cannot be told: out of order"):
        forced_ids(BrokenForced([[3]]), 64)


class BrokenAccept(Cycle):
    def accept(self, token_id: int) -> None:
        raise RuntimeError(f"{token_id} is out of order")


@pytest.mark.parametrize("broken", [BrokenMask, BrokenForced, BrokenAccept])
def test_a_constraint_that_breaks_is_an_error_in_words(engine, broken) -> None:
    other = engine.add(Request((9,), HOT, max_tokens=4))
    with pytest.raises(OssiaError, match="out of order"):
        ids_of(engine, Request((1,), HOT, constraint=broken([[3]])))
    while other.finish is None:
        engine.step()
    assert other.finish is Finish.LENGTH
    engine.check_integrity()
