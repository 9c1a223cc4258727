"""Tasks of lm-evaluation-harness, here as small objects with the same methods."""

from __future__ import annotations

import sys
import types

import pytest

from tailgate_slices.item import Answer, SliceError
from tailgate_slices.sources import lm_eval_task, open_source


class FirstLine:
    """A filter that keeps the first line, as an ensemble named ``first-line``."""

    name = "first-line"

    def apply(self, requests):
        for request in requests:
            request.filtered_resps[self.name] = request.resps[0].split("\n")[0]


class FakeTask:
    """As much of a task as the adapter uses."""

    VERSION = 3.0
    multiple_input = 0

    def __init__(self, kind, docs, **config):
        self.OUTPUT_TYPE, self.eval_docs = kind, docs
        self.config = types.SimpleNamespace(
            num_fewshot=config.get("shots", 0),
            generation_kwargs=config.get("generation_kwargs", {"until": ["\n\n"], "max_gen_toks": 32}),
            unsafe_code=config.get("unsafe_code", False),
            doc_to_image=config.get("doc_to_image"),
        )
        self._filters = [FirstLine()]

    def get_config(self, key):
        return getattr(self.config, key, None)

    def set_fewshot_seed(self, seed):
        self.seed = seed

    def doc_to_text(self, doc):
        return doc["q"]

    def doc_to_choice(self, doc):
        return doc["choices"]

    def doc_to_target(self, doc):
        return doc["gold"]

    def fewshot_context(self, doc, num_fewshot):
        return "Q: 1+1\nA: 2\n\n" * num_fewshot + f"Q: {doc['q']}\nA:"

    def construct_requests(self, doc, ctx, metadata):
        return types.SimpleNamespace(doc=doc, resps=[], filtered_resps={})

    def process_results(self, doc, results):
        if "crash" in results[0]:
            raise KeyError("crash")
        return {"bleu": (results[0], doc["gold"]), "exact_match": float(results[0].strip() == doc["gold"])}


CHOICE_DOCS = [
    {"id": "q1", "q": "Which is hot?", "choices": ["ice", "fire"], "gold": 1},
    {"id": "q2", "q": "Which is wet?", "choices": ["water", "sand"], "gold": "water"},
]
TEXT_DOCS = [{"q": "2+2", "gold": "4"}, {"q": "3+3", "gold": "6"}]


def items(maker):
    return {
        item.id.rpartition("/")[2]: item
        for item in (
            maker.item(stratum=maker.strata[0], seed=1, index=index, tokens=None)
            for index in range(maker.size(maker.strata[0]))
        )
    }


def grade(maker, item, text):
    return maker.grade(item, Answer(text=text, finish_reason="stop"))


def choices():
    return lm_eval_task("arc_fake", loaded=FakeTask("multiple_choice", CHOICE_DOCS))


def generations(**config):
    return lm_eval_task("sum_fake", loaded=FakeTask("generate_until", TEXT_DOCS, **config))


def test_slice_is_named_after_its_task_and_has_one_stratum():
    maker = choices()
    assert (maker.name, maker.strata, maker.size("task=arc_fake")) == ("lm_eval:arc_fake", ("task=arc_fake",), 2)


def test_choice_is_asked_with_letters_and_keeps_the_documents_id():
    item = items(choices())["q1"]
    assert item.prompt == "Which is hot?\nA. ice\nB. fire\n\nAnswer with one letter from A to B.\nAnswer:"
    assert item.references == ("B",)


@pytest.mark.parametrize(("text", "score"), [("B", 1.0), ("fire", 1.0), ("A", 0.0), ("hm", 0.0)])
def test_choice_is_graded_by_letter_or_text(text, score):
    maker = choices()
    assert grade(maker, items(maker)["q1"], text).score == score


def test_chance_of_a_choice_is_one_over_its_options():
    assert choices().chance == 0.5
    assert generations().chance == 0.0


def test_options_that_are_letters_are_not_listed_again():
    doc = {"q": "Which?\nA. ice\nB. fire\nAnswer:", "choices": ["A", "B"], "gold": 1}
    (item,) = items(lm_eval_task("mmlu_fake", loaded=FakeTask("multiple_choice", [doc]))).values()
    assert item.prompt == "Which?\nA. ice\nB. fire\n\nAnswer with one letter from A to B.\nAnswer:"


def test_options_that_are_beginnings_get_their_common_end():
    task = FakeTask("multiple_choice", [{"q": 1, "choices": ["The cat", "The dog"], "gold": "barks."}])
    task.multiple_input = 1
    (item,) = items(lm_eval_task("wino_fake", loaded=task)).values()
    assert "B. The dog barks." in item.prompt
    assert item.references == ("B",)


def test_several_right_options_are_all_references():
    doc = {"q": "Which?", "choices": ["x", "y", "z"], "gold": [0, 2]}
    (item,) = items(lm_eval_task("multi_fake", loaded=FakeTask("multiple_choice", [doc]))).values()
    assert item.references == ("A", "C")


def test_generation_keeps_the_tasks_prompt_stop_and_budget():
    item = items(generations(shots=1))["0"]
    assert item.prompt == "Q: 1+1\nA: 2\n\nQ: 2+2\nA:"
    assert (item.stop, item.max_new_tokens) == (("\n\n",), 32)


def test_generation_goes_through_the_tasks_filter_and_metric():
    maker = generations()
    item = items(maker)["0"]
    assert grade(maker, item, " 4\nQ: next").score == 1.0
    assert grade(maker, item, "5").failure_mode == "scored_low"
    assert "'exact_match'" in maker.card.scoring


def test_error_in_the_tasks_code_is_a_failure_mode():
    maker = generations()
    assert grade(maker, items(maker)["0"], "crash it").failure_mode == "metric_failed"
    assert "metric_failed" in maker.card.failure_modes


def test_version_follows_the_documents():
    other = lm_eval_task("sum_fake", loaded=FakeTask("generate_until", TEXT_DOCS[:1]))
    assert other.version != generations().version == generations().version


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (FakeTask("loglikelihood_rolling", TEXT_DOCS), "asks for loglikelihood_rolling"),
        (FakeTask("generate_until", TEXT_DOCS, unsafe_code=True), "outside of a sandbox"),
        (FakeTask("generate_until", TEXT_DOCS, doc_to_image="image"), "images or sound"),
        (FakeTask("generate_until", []), "no question left"),
        (FakeTask("generate_until", [{"q": "x", "gold": "crash"}]), "fails on its own target"),
        (FakeTask("multiple_choice", [{"q": "x", "choices": ["a"], "gold": 5}]), "no right option"),
    ],
)
def test_task_that_needs_what_is_not_there_is_an_error(task, message):
    with pytest.raises(SliceError, match=message):
        lm_eval_task("odd", loaded=task)


def test_metric_over_the_whole_set_is_an_error(monkeypatch):
    task = FakeTask("generate_until", TEXT_DOCS)
    task.process_results = lambda doc, results: {"bleu": (results[0], doc["gold"])}
    with pytest.raises(SliceError, match=r"no metric in \[0, 1\].*bleu"):
        lm_eval_task("bleu_fake", loaded=task)


def installed(monkeypatch, tasks, *, error=None):
    """Let lm_eval be a module that has these tasks."""

    class Manager:
        all_tasks = (*tasks, "group")

        def __init__(self, include_path):
            self.include_path = include_path

        def load(self, names):
            if error is not None:
                raise error
            return {"tasks": tasks if names == ["group"] else {name: tasks[name] for name in names}}

    module = types.ModuleType("lm_eval.tasks")
    module.TaskManager = Manager
    monkeypatch.setitem(sys.modules, "lm_eval", types.ModuleType("lm_eval"))
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", module)


def test_task_is_loaded_by_name_from_an_installed_lm_eval(monkeypatch):
    installed(monkeypatch, {"sum_fake": FakeTask("generate_until", TEXT_DOCS)})
    assert open_source("lm_eval:sum_fake", None).size("task=sum_fake") == 2


def test_group_unknown_name_and_failed_load_are_errors(monkeypatch):
    tasks = {name: FakeTask("generate_until", TEXT_DOCS) for name in ("one", "two")}
    installed(monkeypatch, tasks)
    with pytest.raises(SliceError, match="group of 2 tasks; name one of them: one, two"):
        lm_eval_task("group")
    with pytest.raises(SliceError, match="knows no task 'three'"):
        lm_eval_task("three")
    installed(monkeypatch, tasks, error=ConnectionError("offline\nmore"))
    with pytest.raises(SliceError, match=r"cannot load the task 'one': ConnectionError: offline$"):
        lm_eval_task("one")


def test_missing_lm_eval_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(SliceError, match=r"needs the python package lm_eval .*run: pip install lm_eval$"):
        open_source("lm_eval:arc_easy", None)
