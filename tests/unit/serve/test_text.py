"""Text while its tokens arrive: nothing is handed out that changes later."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailgate.serve.text import REPLACEMENT, TextStream


def from_bytes(tokens):
    """A token a byte, as byte-level tokenizers decode."""
    return bytes(tokens).decode("utf-8", "replace")


def test_an_unfinished_character_waits_for_its_bytes():
    stream = TextStream(from_bytes)
    first, second = "é".encode()
    assert stream.grow((first,)) == ""
    assert stream.grow((second,)) == "é"


def test_what_may_become_a_stop_string_is_held_back():
    stream = TextStream(from_bytes, ("END",))
    assert stream.grow(tuple(b"the E")) == "the "
    assert stream.grow(tuple(b"N")) == ""
    assert stream.grow(tuple(b"X")) == "ENX"
    assert stream.grow(tuple(b"EN")) == ""
    assert stream.finish("the ENX") == ""


def test_bytes_that_are_no_text_come_with_the_end():
    stream = TextStream(from_bytes)
    assert stream.grow((0xFF,)) == ""
    assert stream.finish(REPLACEMENT) == REPLACEMENT


@given(st.text(), st.lists(st.integers(1, 5)), st.lists(st.text(min_size=1, max_size=3), max_size=2))
def test_pieces_add_up_to_the_whole(text, sizes, stop):
    tokens, stream, told = tuple(text.encode()), TextStream(from_bytes, tuple(stop)), ""
    for size in [*sizes, len(tokens) + 1]:
        piece, tokens = tokens[:size], tokens[size:]
        told += stream.grow(piece)
    assert text.startswith(told)
    assert told + stream.finish(text) == text


def test_a_tokenizer_whose_parts_are_another_text_is_named():
    stream = TextStream(from_bytes)
    stream.grow(tuple(b"abc"))
    with pytest.raises(ValueError, match="another text than its parts"):
        stream.finish("xyz")
