"""Drafts: where an answer joins a text that is known."""

import pytest

from tailgate.engine.drafts import BREAK, PROMPT_TOKENS, Drafter, Text, realign


def text(*tokens):
    found = Text()
    found.extend(tokens)
    return found


def test_a_replaced_token_realigns_in_place():
    assert realign([1, 2, 9, 4], [1, 2, 3, 4, 5, 6]).start == 4


def test_an_inserted_token_realigns_one_later():
    assert realign([1, 2, 9, 3, 4], [1, 2, 3, 4, 5]).start == 4


def test_the_longest_shared_suffix_wins_over_the_nearest():
    assert realign([7, 8, 1], [1, 5, 7, 8, 1, 6]).start == 5


def test_nothing_shared_gives_no_draft():
    assert realign([9], [1, 2, 3]).suffix == 0
    assert Drafter(told=(1, 2, 3)).propose([9], room=5) == ()


def test_a_text_is_found_by_its_latest_longest_match():
    assert text(5, 1, 2, 3, 7, 1, 2, 4, 1, 2).find([5, 1, 2]).draft(2) == (3, 7)
    assert text(5, 1, 2, 3, 7, 1, 2, 4, 1, 2).find([8, 1, 2]).draft(2) == (4, 1)


def test_one_token_is_too_little_of_a_match_in_a_text():
    assert text(1, 2, 3).find([9, 2]).suffix == 0
    assert text(1, 2, 3).find([2]).suffix == 0


def test_a_draft_ends_where_the_text_does():
    assert text(1, 2, 3, BREAK, 1, 2, BREAK, 5).find([1, 2]).draft(5) == (3,)


def test_an_answer_that_repeats_its_prompt_or_itself_is_drafted_from_it():
    drafter = Drafter(prompt=(1, 2, 3, 4, 5), length=2)
    assert drafter.propose([9, 2, 3], room=9) == (4, 5)
    assert Drafter(prompt=(1,), length=3).propose([6, 7, 8, 6, 7], room=9) == (8, 6, 7)


def test_an_answer_phrased_like_another_is_drafted_from_that():
    assert Drafter(others=text(5, 6, 7, 8, BREAK)).propose([3, 5, 6], room=9) == (7, 8)


def test_only_the_end_of_a_long_prompt_is_searched():
    prompt = (1, 2, 3, *range(10, 10 + PROMPT_TOKENS))
    assert Drafter(prompt=prompt).propose([1, 2], room=4) == ()


def test_a_draft_keeps_to_the_room_left():
    assert Drafter(told=(1, 2, 3, 4, 5)).propose([1], room=2) == (2, 3)
    assert Drafter(told=(1, 2, 3, 4, 5)).propose([1], room=0) == ()
    assert Drafter(told=(1, 2, 3)).propose([], room=4) == ()


def test_the_length_of_a_draft_follows_its_luck():
    drafter = Drafter(longest=8)
    lengths = []
    for proposed, accepted in ((4, 4), (8, 8), (8, 3), (4, 0)):
        drafter.learn(proposed, accepted)
        lengths.append(drafter.length)
    assert lengths == [8, 8, 4, 1]


@pytest.mark.parametrize(("misses", "drafted"), [(0, True), (1, True), (2, False)])
def test_after_misses_a_longer_suffix_is_asked_for(misses, drafted):
    drafter = Drafter(told=(1, 2, 3))
    for _ in range(misses):
        drafter.learn(1, 0)
    assert bool(drafter.propose([1, 2], room=4)) is drafted


def test_one_hit_lowers_the_demand_again():
    drafter = Drafter(told=(1, 2, 3), least_suffix=3)
    drafter.learn(2, 1)
    assert drafter.propose([1, 2], room=4) == (3,)


def test_a_draft_that_is_not_sure_keeps_to_the_rows_that_are_free():
    assert Drafter(told=(1, 2, 3, 4, 5)).propose([1], room=9, spare=2) == (2, 3)
    assert Drafter(told=(1, 2, 3, 4, 5)).propose([1], room=9, spare=0) == ()


def test_a_long_suffix_is_sure():
    told = tuple(range(1, 12))
    assert Drafter(told=told).propose(list(told[:6]), room=9, spare=0) == (7, 8, 9, 10)
    assert Drafter(told=told).propose(list(told[1:6]), room=9, spare=0) == ()


def test_after_a_draft_that_was_all_right_the_next_is_sure():
    drafter = Drafter(told=(1, 2, 3, 4, 5))
    drafter.learn(2, 2)
    assert drafter.propose([1], room=9, spare=0) == (2, 3, 4, 5)
    drafter.learn(4, 3)
    assert drafter.propose([1], room=9, spare=0) == ()
