"""Which beginnings are worth computing once."""

from hypothesis import given
from hypothesis import strategies as st

from tailgate.engine.prefixes import Prefix, find_prefixes


def members(node: Prefix) -> list[int]:
    return sorted([*node.members, *(index for child in node.children for index in members(child))])


def test_questions_on_one_document_share_it_behind_the_header_all_share():
    header, document = tuple(range(20)), tuple(range(100, 160))
    prompts = [(*header, *document, 900 + i) for i in range(3)] + [(*header, 500 + i) for i in range(2)]
    tree = find_prefixes(prompts)
    (shared,) = tree.children
    assert shared.tokens == header
    assert sorted(shared.members) == [3, 4]
    (deeper,) = shared.children
    assert deeper.tokens == header + document
    assert sorted(deeper.members) == [0, 1, 2]


def test_equal_prompts_keep_their_last_token_each():
    tree = find_prefixes([tuple(range(40))] * 3)
    assert tree.children[0].tokens == tuple(range(39))


def test_a_beginning_that_saves_little_is_not_shared():
    tree = find_prefixes([(1, 2, 3, 4), (1, 2, 3, 5)], least=16)
    assert tree.children == []


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=40), max_size=12), st.integers(1, 20))
def test_every_prompt_is_in_the_tree_once_behind_a_beginning_of_its_own(prompts, least):
    tree = find_prefixes([tuple(prompt) for prompt in prompts], least)
    assert members(tree) == list(range(len(prompts)))

    def check(node):
        for index in members(node):
            assert tuple(prompts[index][: len(node.tokens)]) == node.tokens
            assert len(node.tokens) < len(prompts[index])
        for child in node.children:
            assert len(child.tokens) > len(node.tokens)
            check(child)

    check(tree)
