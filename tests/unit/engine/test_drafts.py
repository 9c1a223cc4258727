"""Drafts: where a candidate's answer joins the baseline's again."""

from tailgate.engine.drafts import Drafter, realign


def test_a_replaced_token_realigns_in_place():
    assert realign([1, 2, 9, 4], [1, 2, 3, 4, 5, 6]) == 4


def test_an_inserted_token_realigns_one_later():
    assert realign([1, 2, 9, 3, 4], [1, 2, 3, 4, 5]) == 4


def test_the_longest_shared_suffix_wins_over_the_nearest():
    assert realign([7, 8, 1], [1, 5, 7, 8, 1, 6]) == 5


def test_nothing_shared_gives_no_draft():
    assert realign([9], [1, 2, 3]) is None
    assert Drafter(source=(1, 2, 3)).propose([9], room=5) == ()


def test_a_draft_keeps_to_the_room_left():
    assert Drafter(source=(1, 2, 3, 4, 5)).propose([1], room=2) == (2, 3)
    assert Drafter(source=(1, 2, 3, 4, 5)).propose([1], room=0) == ()


def test_the_length_of_a_draft_follows_its_luck():
    drafter = Drafter(source=(1,), longest=8)
    lengths = []
    for proposed, accepted in ((4, 4), (8, 8), (8, 3), (3, 0)):
        drafter.learn(proposed, accepted)
        lengths.append(drafter.length)
    assert lengths == [8, 8, 3, 1]
