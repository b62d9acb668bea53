"""Whose turn it is, without a model: tokens are stored as soon as they are scheduled."""

import pytest
from tests.engine.test_kv_cache import make_cache

from ossia.base.errors import BusyError
from ossia.engine.kv_cache import snapshot_pages
from ossia.engine.pace import Pace
from ossia.engine.request import Request, Sequence
from ossia.engine.scheduler import Scheduler


def make(full_pages: int = 64, max_running: int = 8, max_waiting: int = 99) -> Scheduler:
    return Scheduler(make_cache(full_pages, 64), Pace(), max_running, max_waiting)


def sequence_of(arrival: int, num_prompt: int, client: str = "", priority: int = 0, start: int = 0):
    ids = [start + arrival * 1000 + i for i in range(num_prompt)]
    request = Request(tuple(ids), client=client, priority=priority)
    ends = (num_prompt - 1, num_prompt)
    pages = snapshot_pages(ends, 128)
    return Sequence(request, ids, 10_000, arrival=arrival, boundaries=ends, snapshot_pages=pages)


def step(scheduler: Scheduler) -> dict[int, int]:
    """A step of an engine whose every sequence goes on for ever: tokens run, by arrival."""
    scheduled = scheduler.schedule()
    for each in scheduled:
        each.sequence.num_stored += each.num_tokens
        scheduler._cache.advance(each.sequence)
        if each.sequence.num_pending == 0:
            each.sequence.token_ids.append(each.sequence.num_stored)
    scheduler._cache.check_integrity(scheduler.running)
    return {each.sequence.arrival: each.num_tokens for each in scheduled}


def test_a_piece_of_a_prompt_goes_beside_everyone_who_decodes() -> None:
    scheduler = make(full_pages=128)
    for arrival in range(3):
        scheduler.add(sequence_of(arrival, 5))
    assert step(scheduler) == {0: 5, 1: 5, 2: 5}
    scheduler.add(sequence_of(3, 200))
    assert step(scheduler) == {0: 1, 1: 1, 2: 1, 3: 64}


def test_first_come_first_served_within_one_client() -> None:
    scheduler = make(max_running=1)
    for arrival in range(3):
        scheduler.add(sequence_of(arrival, 10))
    for arrival in range(3):
        assert list(step(scheduler)) == [arrival]
        scheduler.remove(scheduler.running[0])


def test_a_short_prompt_of_another_client_does_not_wait_behind_long_ones() -> None:
    scheduler = make(full_pages=128)
    for arrival in range(3):
        scheduler.add(sequence_of(arrival, 1000, client="busy"))
    step(scheduler)
    scheduler.add(sequence_of(3, 20, client="busy"))
    scheduler.add(sequence_of(4, 20, client="other"))
    assert step(scheduler)[4] == 20


def test_who_was_away_has_saved_up_nothing_and_keeps_its_debts() -> None:
    scheduler = make(full_pages=128)
    scheduler.add(sequence_of(0, 300, client="a"))
    step(scheduler)
    for arrival in (1, 2):
        scheduler.add(sequence_of(arrival, 500, client="b"))
    assert scheduler.served == {"a": 300, "b": 299}
    while scheduler.served["b"] < 900:
        step(scheduler)
    for sequence in [s for s in scheduler.running if s.request.client == "b"]:
        scheduler.remove(sequence)
    scheduler.add(sequence_of(3, 10, client="b"))
    assert scheduler.served["b"] >= 900
    for sequence in (*scheduler.running, *scheduler.waiting):
        scheduler.remove(sequence)
    assert not scheduler.served


def test_the_newest_gives_up_its_pages_and_the_oldest_comes_back_first() -> None:
    scheduler = make(full_pages=7)
    for arrival in range(3):
        scheduler.add(sequence_of(arrival, 30))
    counts = [step(scheduler) for _ in range(80)]
    assert scheduler.num_preempted > 0
    assert all(0 in count for count in counts)  # the oldest goes on in every step
    scheduler.remove(scheduler.running[0])
    while not scheduler.running:
        step(scheduler)
    assert scheduler.running[0].arrival == 1


def test_no_more_wait_than_may() -> None:
    scheduler = make(max_waiting=2)
    for arrival in range(2):
        scheduler.add(sequence_of(arrival, 1))
    with pytest.raises(BusyError, match="2 requests wait already"):
        scheduler.add(sequence_of(2, 1))


def test_who_begins_alike_waits_for_the_first_to_compute_it() -> None:
    scheduler = make(full_pages=128)
    one, two = sequence_of(0, 600), sequence_of(0, 600)
    two.arrival = 1
    scheduler.add(one)
    scheduler.add(two)
    assert step(scheduler) == {0: 512}
    assert step(scheduler) == {0: 88}
    assert step(scheduler) == {0: 1, 1: 24}  # 576 are known


def test_who_follows_one_that_goes_away_computes_it_itself() -> None:
    scheduler = make(full_pages=128)
    one, two = sequence_of(0, 600), sequence_of(0, 600)
    two.arrival = 1
    scheduler.add(one)
    scheduler.add(two)
    step(scheduler)
    scheduler.remove(one)
    assert sum(step(scheduler).values()) > 0
    assert scheduler.running == [two]
