import pytest

from tailgate.report.text import (
    display_width,
    evidence,
    head,
    lower_bound,
    middle_out,
    one_line,
    percent,
    points,
    tail,
    upper_bound,
    visible,
)


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("\x1b[31m", "⟨U+001B⟩[31m"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("\x00", "⟨U+0000⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("\u2028", "⟨U+2028⟩"),
        ("a\rb", "a⟨U+000D⟩b"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("\ufffe", "⟨U+FFFE⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
    ],
)
def test_visible_hidden_character_shows_its_code_point(hidden, shown):
    assert visible(hidden) == shown


@pytest.mark.parametrize("text", ["plain\n\ttext", "می\u200cخواهم", "ሰላም ለዓለም", "ไทย", "né\u0301", "🙂"])
def test_visible_ordinary_text_stays(text):
    assert visible(text) == text


def test_visible_any_text_encodes_to_utf8():
    everything = "".join(map(chr, range(0x10000)))
    assert visible(everything).encode("utf-8")


def test_one_line_text_with_newlines_becomes_one_line():
    assert one_line(" a\n b\r\n\u2028c ") == "a b c"


def test_head_single_token_of_100_kb_counts_what_is_left_out():
    assert head("x" * 100_000, 10) == "xxxxxxxxxx [… 99,990 characters left out …]"


def test_tail_long_text_keeps_the_end():
    assert tail("abcdef", 2) == "[… 4 characters left out …] ef"


def test_middle_out_long_text_keeps_both_ends():
    assert middle_out("abcdefgh", 2, 3) == "ab [… 3 characters left out …] fgh"


def test_middle_out_short_text_is_whole():
    assert middle_out("abcde", 2, 3) == "abcde"


def test_points_negative_zero_has_no_sign():
    assert points(-0.0001) == "0.0"


def test_points_missing_value_is_not_zero():
    assert points(None) == "n/a"


def test_percent_missing_value_is_not_zero():
    assert percent(None) == "n/a"


def test_lower_bound_is_rounded_down():
    assert lower_bound(-0.03101, 0.05) == "−3.2"


def test_upper_bound_is_rounded_up():
    assert upper_bound(0.0101, 0.05) == "+1.1"


def test_upper_bound_binary_noise_does_not_round_up():
    assert upper_bound(0.04 - 0.014, 0.05) == "+2.6"


def test_lower_bound_just_above_the_margin_does_not_read_as_the_margin():
    assert lower_bound(-0.0498, 0.05) == "−4.98"


def test_upper_bound_just_below_the_margin_does_not_read_as_the_margin():
    assert upper_bound(-0.0502, 0.05) == "−5.02"


def test_lower_bound_infinite_is_named():
    assert lower_bound(float("-inf"), 0.05) == "−∞"


def test_evidence_large_value_does_not_overflow():
    assert evidence(5000.0) == "10^2171"


def test_display_width_wide_character_takes_two_columns():
    assert display_width("日本a\u0301") == 5
