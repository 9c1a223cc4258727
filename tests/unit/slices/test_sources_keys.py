"""Keys of published rows that no answer could match, or any would, are refused with their line."""

from __future__ import annotations

import json

import pytest

from tailgate_slices.item import Answer, SliceError
from tailgate_slices.sources import published

LETTERED = {"option_a": "w", "option_b": "x", "option_c": "y", "option_d": "z"}
ROWS = {
    "gsm8k": {"question": "2 boxes of 3?", "answer": "#### 6"},
    "mgsm": {"question": "2 boxes of 3?", "answer_number": 6, "lang": "sw"},
    "ruler": {"index": 4, "input": "Find it.", "outputs": ["8231"], "length": 4001},
    "belebele": {
        **{"link": "x", "question_number": 2, "flores_passage": "Long.", "question": "How?", "dialect": "swh_Latn"},
        **{"mc_answer1": "w", "mc_answer2": "x", "mc_answer3": "y", "mc_answer4": "z", "correct_answer_num": "3"},
    },
    "global_mmlu": {**LETTERED, "sample_id": "1", "subject": "law", "question": "Q", "answer": "B", "lang": "sw"},
    "longbench_v2": {
        **{"choice_A": "w", "choice_B": "x", "choice_C": "y", "choice_D": "z", "answer": "D", "context": "A text."},
        **{"_id": "66f3", "domain": "QA", "difficulty": "hard", "length": "short", "question": "Q?"},
    },
    "xcopa": {
        **{"premise": "P", "choice1": "a1", "choice2": "b1", "question": "cause", "label": 1, "idx": 5, "lang": "qu"},
    },
    "xstest": {"prompt": "How?", "type": "homonyms", "label": "safe"},
    "cruxeval": {"code": "def f(x):\n    return x", "input": "3", "output": "3", "id": "sample_0"},
    "humaneval": {
        **{"task_id": "HumanEval/0", "prompt": "def f():\n", "entry_point": "f", "test": "def check(c): pass"},
        **{"canonical_solution": "    return 1\n"},
    },
    "mbpp": {"task_id": 11, "text": "Add.", "code": "def f(): pass", "test_list": ["assert f() is None"]},
    "longchat_lines": {"prompt": "line", "expected_number": 7123, "num_lines": 200, "token_size": 4800},
}


def maker_of(folder, name, **changes):
    path = folder / "rows.jsonl"
    sound = ROWS[name]
    path.write_text("".join(json.dumps(row) + "\n" for row in (sound, {**sound, **changes})))
    return published(name, path)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_sound_row_is_read(tmp_path, name):
    maker = maker_of(tmp_path, name)
    assert sum(maker.size(stratum) for stratum in maker.strata) == 2


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        *[("ruler", "outputs", value) for value in ([], [""], ["8231", " "], "8231", None, [["x"]])],
        *[("global_mmlu", "answer", value) for value in ("", "AB", "E", "b", None, 1)],
        *[("longbench_v2", "answer", value) for value in ("", "AB", "E", None)],
        *[("belebele", "correct_answer_num", value) for value in (0, -1, 5, "0", "", "one", True, 1.5, None)],
        *[("xcopa", "label", value) for value in (2, "x", True, 0.5, None, -2)],
        *[("xstest", "label", value) for value in ("Unsafe", "", None, 0)],
        *[("gsm8k", "answer", value) for value in ("", None, 6)],
        *[("cruxeval", "output", value) for value in ("", "  ", None)],
        *[("humaneval", field, "") for field in ("prompt", "entry_point", "test", "canonical_solution")],
        *[("mbpp", "test_list", value) for value in ([], [""], "assert f()")],
        *[("longchat_lines", field, "many") for field in ("num_lines", "token_size")],
        *[("gsm8k", "question", value) for value in ("", None, 3)],
        *[("mgsm", "question", value) for value in (" ", None)],
        ("longbench_v2", "context", ""),
        ("belebele", "mc_answer2", ""),
        ("xstest", "prompt", " "),
    ],
)
def test_field_of_another_kind_is_named_with_its_line_and_value(tmp_path, name, field, value):
    with pytest.raises(SliceError, match=rf"rows line 2: {field} is .*; write ") as caught:
        maker_of(tmp_path, name, **{field: value})
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("gsm8k", "answer", "#### six"),
        ("gsm8k", "answer", "#### " + "9" * 41),
        ("mgsm", "answer_number", None),
        ("mgsm", "answer_number", "1 or 2"),
        ("longchat_lines", "expected_number", "x"),
    ],
)
def test_answer_that_is_no_number_is_named_with_its_line(tmp_path, name, field, value):
    with pytest.raises(SliceError, match=rf"rows line 2: the answer .* is no number; correct {field}"):
        maker_of(tmp_path, name, **{field: value})


def test_reference_below_one_is_not_read_as_five(tmp_path):
    maker = maker_of(tmp_path, "gsm8k", answer="#### .5")
    halves = [item for item in items(maker, "split=test") if item.references == ("0.5",)]
    scores = [maker.grade(halves[0], Answer(text=text, finish_reason="stop")).score for text in (".5", "0.50", "5")]
    assert scores == [1.0, 1.0, 0.0]


def items(maker, stratum):
    return [maker.item(stratum=stratum, seed=1, index=index, tokens=None) for index in range(maker.size(stratum))]


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("gsm8k", [{"question": "x"}], "line 1 has no field 'answer'"),
        ("gsm8k", [{"question": "x", "answer": "#### none"}], "'none' is no number"),
        ("belebele", [{"mc_answer1": "x"}], "has no field"),
        ("xcopa", [{"premise": "x", "label": 0, "choice1": "a", "choice2": "b", "question": 3}], "has no field 'idx'"),
    ],
)
def test_row_of_another_shape_is_an_error_with_its_line(tmp_path, name, rows, message):
    path = tmp_path / "x_sw.jsonl"
    path.write_text("".join(json.dumps({"lang": "sw", **row}) + "\n" for row in rows))
    with pytest.raises(SliceError, match=message):
        published(name, path)
