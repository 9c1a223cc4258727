"""Every request is handed out once, and again only when its worker is lost."""

import pytest

from tailgate.engine.request import ChoiceRequest, Draft, Request, Transcript
from tailgate.errors import SetupError
from tailgate.executor.chunks import LEAST, MOST_LOSSES, Deck, key_of, prompt_of


def request(number, length=10, budget=10):
    return Request(key=f"r{number}", prompt_ids=(number,) * length, max_new_tokens=budget)


def all_of(deck):
    found = []
    while deck:
        found.append(deck.take())
    return found


def keys(chunk):
    return [key_of(each) for each in chunk.asked]


def test_every_request_is_in_exactly_one_chunk():
    chunks = all_of(Deck(map(request, range(200)), workers=3))
    assert sorted(key for chunk in chunks for key in keys(chunk)) == sorted(f"r{i}" for i in range(200))


def test_chunks_shrink_towards_the_end_but_never_below_what_fills_a_pass():
    sizes = [len(chunk.asked) for chunk in all_of(Deck(map(request, range(200)), workers=2))]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == sizes[1] == 75
    assert min(sizes[:-1]) >= LEAST


def test_a_few_requests_are_one_chunk():
    assert [len(chunk.asked) for chunk in all_of(Deck(map(request, range(5)), workers=2))] == [5]


def test_no_request_is_no_chunk():
    assert not Deck([], workers=2)


def test_prompts_that_begin_alike_stand_side_by_side():
    mixed = [Request(key=str(i), prompt_ids=(i % 2, i), max_new_tokens=1) for i in range(20)]
    (chunk, *_) = all_of(Deck(mixed, workers=1))
    assert [prompt_of(each)[0] for each in chunk.asked] == sorted(prompt_of(each)[0] for each in chunk.asked)


def test_drafts_and_choices_are_handed_out_by_their_prompts():
    told = Transcript(key="d", tokens=(1,), text="", finish_reason="stop")
    draft = Draft(request=Request(key="d", prompt_ids=(2,), max_new_tokens=3), baseline=told)
    choice = ChoiceRequest(key="c", context_ids=(1,), choices=((1,), (2,)))
    assert keys(Deck([draft, choice], workers=1).take()) == ["c", "d"]


def test_what_a_lost_worker_left_comes_back_first_and_in_halves():
    deck = Deck(map(request, range(200)), workers=2)
    chunk = deck.take()
    answered = set(keys(chunk)[:5])
    deck.give_back(chunk, answered, "killed")
    first, second = deck.take(), deck.take()
    assert keys(first) + keys(second) == keys(chunk)[5:]
    assert abs(len(first.asked) - len(second.asked)) <= 1
    assert first.losses == second.losses == 1


def test_nothing_comes_back_of_a_chunk_that_was_answered_before_its_worker_was_lost():
    deck = Deck(map(request, range(5)), workers=1)
    chunk = deck.take()
    deck.give_back(chunk, set(keys(chunk)), "killed")
    assert not deck


def test_requests_that_lose_worker_after_worker_end_the_run_by_name():
    deck = Deck(map(request, range(3)), workers=1)
    for _ in range(MOST_LOSSES - 1):
        deck.give_back(deck.take(), (), "killed")
    with pytest.raises(SetupError, match=rf"{MOST_LOSSES} workers were lost with the requests r0 \(killed\)"):
        deck.give_back(deck.take(), (), "killed")


def test_many_names_are_counted():
    deck = Deck(map(request, range(60)), workers=1)
    for _ in range(MOST_LOSSES - 1):
        deck.give_back(deck.take(), (), "killed")
    with pytest.raises(SetupError, match="and 4 more"):
        deck.give_back(deck.take(), (), "killed")
