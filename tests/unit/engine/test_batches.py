"""Batches: of like length, within limits, nothing lost, stable when a run resumes."""

from hypothesis import given
from hypothesis import strategies as st

from tailgate.engine.batches import BatchLimits, plan_batches
from tailgate.engine.request import cut_at_stop, first_divergence

LENGTHS = st.lists(st.integers(1, 500), max_size=60)


@given(LENGTHS)
def test_batches_hold_every_request_once(lengths):
    batches = plan_batches(lengths, BatchLimits(rows=8, tokens=1000))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))


@given(LENGTHS)
def test_batches_stay_within_rows_and_padded_tokens(lengths):
    for batch in plan_batches(lengths, BatchLimits(rows=8, tokens=1000)):
        assert len(batch) <= 8
        assert len(batch) * max(lengths[index] for index in batch) <= 1000 or len(batch) == 1


@given(LENGTHS)
def test_batches_hold_requests_of_like_length(lengths):
    for batch in plan_batches(lengths, BatchLimits(shortest=0.5)):
        assert min(lengths[index] for index in batch) >= 0.5 * max(lengths[index] for index in batch)


@given(LENGTHS, st.integers(0, 10))
def test_batches_left_after_a_kill_are_the_batches_of_the_whole(lengths, finished):
    limits = BatchLimits(rows=4, tokens=1000)
    whole = plan_batches(lengths, limits)
    left = [index for index in range(len(lengths)) if all(index not in batch for batch in whole[:finished])]
    resumed = plan_batches([lengths[index] for index in left], limits)
    assert [[left[index] for index in batch] for batch in resumed] == whole[finished:]


def test_divergence_is_the_first_differing_token():
    assert first_divergence((1, 2, 3), (1, 9, 3)) == 1


def test_divergence_of_a_shorter_answer_is_its_end():
    assert first_divergence((1, 2, 3), (1, 2)) == 2


def test_divergence_of_equal_answers_is_none():
    assert first_divergence((1, 2), (1, 2)) is None


def test_stop_cuts_at_the_earliest_of_several():
    assert cut_at_stop("a;b\nc", ("\n", ";")) == "a"
    assert cut_at_stop("abc", ("\n",)) is None
