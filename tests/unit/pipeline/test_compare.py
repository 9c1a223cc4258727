"""The main job on a toy slice, every answer under control: what is decided, stored, resumed and refused."""

import dataclasses
import json
import math
import time

import pyarrow.parquet as pq
import pytest

from tailgate import decide, load_run
from tailgate.errors import ConfigError, IntegrityError, RunFolderError, TailgateError, UsageError
from tailgate.pipeline import checks
from tailgate.pipeline import compare as job
from tailgate.pipeline.history import open_runs
from tailgate.pipeline.options import CompareOptions
from tailgate.store.run_folder import read_manifest, read_outcomes
from tailgate.variants.variant import resolve
from tailgate_slices import registry
from tailgate_slices.item import SliceError
from tests.support import toy
from tests.support.tiny import Tiny, save_tiny, tiny_model

pytestmark = pytest.mark.usefixtures("toy_slice")

SUITE = """
name = "toys"
version = "1"
seed = 7
gate = "{gate}"
[[slices]]
name = "toy"
gate_by = "level"
strata = ["level=1", "level=2"{more}]
required = [{required}]
"""


def echo(word):
    return word


def half_broken(word):
    return word if word < "e" else "?"


def rarely_broken(word):
    return "?" if word.startswith("aaa") else word


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp("tiny")))


@pytest.fixture
def compare(monkeypatch, tmp_path, model):
    """Compare the tiny model with a variant of it, both sides answering by the given rules."""
    (tmp_path / "suite.toml").write_text(SUITE.format(gate="quick", more="", required=""))

    def run(candidate=echo, *, out="run", baseline=echo, interrupt_after=None, specs=None, **options):
        engine = toy.fake_engine(baseline, candidate, interrupt_after)
        monkeypatch.setattr(job, "choose_engine", lambda *_: engine)
        asked = {"suite": str(tmp_path / "suite.toml"), "out": tmp_path / out, "store": tmp_path / "store"}
        asked |= {"controls": "none", **options}
        if "resume" in asked:
            asked["out"] = None
        return job.compare_variants(CompareOptions(baseline=model, candidates=specs or (f"{model}@rtn",), **asked))

    return run


def test_faithful_candidate_passes_after_forty_items_a_cell(compare):
    result = compare()
    assert (result.verdict.decision, result.verdict.exit_code) == ("pass", 0)
    assert [cell.n for cell in result.verdict.candidates[0].cells] == [40, 40]


def test_damaged_candidate_is_a_regression(compare):
    result = compare(half_broken)
    assert (result.verdict.decision, result.verdict.exit_code) == ("regression", 1)
    assert result.verdict.candidates[0].cells[0].failure_modes["wrong"] > 0


def test_cell_is_left_at_its_verdict_and_not_before(compare):
    result = compare(half_broken)
    assert all(cell.n < 120 for cell in result.verdict.candidates[0].cells)
    assert all(cell.n % 20 == 0 for cell in result.verdict.candidates[0].cells)


def test_fixed_n_asks_every_cell_up_to_its_cap(compare):
    assert [cell.n for cell in compare(fixed_n=True).verdict.candidates[0].cells] == [120, 120]


def test_max_items_caps_every_cell(compare):
    result = compare(rarely_broken, max_items=30)
    assert [cell.n for cell in result.verdict.candidates[0].cells] == [30, 30]
    assert result.verdict.decision == "inconclusive"


def test_model_against_itself_runs_both_sides_and_passes(compare, model):
    result = compare(specs=(model,))
    assert result.verdict.exit_code == 0
    assert result.manifest["counters"][model]["generated"] == 80


def test_lossless_candidate_never_passes(compare, model):
    result = compare(specs=(f"{model}@fp32",))
    assert result.verdict.exit_code == 3
    assert "lossless" in " ".join(result.verdict.candidates[0].reasons)


def test_run_of_several_candidates_has_the_worst_decision(compare, model):
    result = compare(half_broken, specs=(f"{model}@rtn", f"{model}@rtn:bits=2"))
    assert len(result.verdict.candidates) == 2
    assert result.verdict.decision == "regression"


def test_identical_rerun_computes_nothing_and_decides_the_same(compare, tmp_path):
    compare(rarely_broken, out="first")
    again = compare(rarely_broken, out="second")
    assert all(side["forwards"] == side["generated"] == 0 for side in again.manifest["counters"].values())
    assert (tmp_path / "first/verdict.json").read_bytes() == (tmp_path / "second/verdict.json").read_bytes()


def test_new_candidate_generates_no_baseline_answer(compare, model):
    compare(out="first")
    later = compare(out="second", specs=(f"{model}@rtn:bits=3",))
    baseline = later.manifest["counters"]["baseline"]
    assert (baseline["generated"], baseline["cached"]) == (0, 80 + 80)  # the calibration draw and the items
    assert later.manifest["counters"][f"{model}@rtn:bits=3"]["generated"] == 80


def test_another_seed_asks_other_items(compare, tmp_path):
    compare(out="first")
    compare(out="second", seed=8)
    first, second = ({o.item_id for o in read_outcomes(tmp_path / name)} for name in ("first", "second"))
    assert not first & second


@pytest.mark.parametrize("batches", [0, 1, 6, 11, 12, 14])
def test_interrupted_run_resumes_to_the_same_outcomes(compare, tmp_path, batches):
    compare(half_broken, out="whole", store=tmp_path / "other store")
    with pytest.raises(KeyboardInterrupt):
        compare(half_broken, out="cut", interrupt_after=batches)
    compare(half_broken, resume=tmp_path / "cut")
    assert read_outcomes(tmp_path / "cut") == read_outcomes(tmp_path / "whole")
    assert (tmp_path / "cut/verdict.json").read_bytes() == (tmp_path / "whole/verdict.json").read_bytes()


def test_resuming_repeats_no_finished_answer(compare, tmp_path):
    whole = compare(half_broken, out="whole", store=tmp_path / "other store").manifest["counters"]["baseline"]
    with pytest.raises(KeyboardInterrupt):
        compare(half_broken, out="cut", interrupt_after=13)
    rest = compare(half_broken, resume=tmp_path / "cut").manifest["counters"]["baseline"]
    assert 0 < rest["generated"] < whole["generated"]


def test_resuming_under_another_seed_is_refused(compare, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        compare(half_broken, out="cut", interrupt_after=13)
    with pytest.raises(RunFolderError, match="was started with another"):
        compare(half_broken, resume=tmp_path / "cut", seed=8)


def test_calibration_items_are_never_evidence(compare, tmp_path):
    result = compare()
    asked = {outcome.item_id for outcome in read_outcomes(result.path)}
    assert len(asked) == 80
    assert result.manifest["calibration"]["toy/level=1"] == {"n": 40, "correct": 40}


def test_baseline_at_the_floor_is_uninformative_not_a_pass(compare):
    result = compare(baseline=lambda word: "?", candidate=lambda word: "?")
    assert result.verdict.exit_code == 3
    assert {cell.verdict for cell in result.verdict.candidates[0].cells} == {"uninformative"}


def test_nonfinite_candidate_is_invalid_with_its_reason(compare):
    result = compare(lambda word: None if word < "e" else word)
    assert (result.verdict.decision, result.verdict.exit_code) == ("invalid", 4)
    assert "candidate_nonfinite" in (result.verdict.candidates[0].cells[0].reason or "")


def test_nonfinite_baseline_is_invalid(compare):
    result = compare(baseline=lambda word: None if word.startswith("h") else word)
    assert result.verdict.exit_code == 4


def test_verdict_can_be_decided_again_from_the_folder(compare):
    result = compare(half_broken)
    again = load_run(result.path)
    assert again.verdict == result.verdict
    assert len(again.outcomes.to_pandas()) == len(again.outcomes)
    assert again._repr_html_().startswith("<iframe")


def test_all_reports_and_no_leftovers_are_in_the_run_folder(compare):
    names = {file.name for file in compare().path.iterdir()}
    assert names == {
        "manifest.json", "outcomes.parquet", "verdict.json", "report.html", "report.md", "junit.xml", ".lock",
    }  # fmt: skip


def test_stratum_beyond_the_context_is_listed_and_left_out(compare, tmp_path):
    (tmp_path / "suite.toml").write_text(SUITE.format(gate="quick", more=', "level=9"', required=""))
    result = compare()
    assert list(result.verdict.not_applicable) == ["toy/level=9"]
    assert len(result.verdict.candidates[0].cells) == 2


def test_required_stratum_beyond_the_context_is_refused(compare, tmp_path):
    (tmp_path / "suite.toml").write_text(SUITE.format(gate="quick", more=', "level=9"', required='"level=9"'))
    with pytest.raises(ConfigError, match="requires toy/level=9"):
        compare()
    assert not (tmp_path / "run").exists()


def test_prompt_longer_than_the_context_is_invalid_never_cut(compare, tmp_path, monkeypatch):
    third = toy.Toy().item(stratum="level=1", seed=7, index=3, tokens=None)
    long = dataclasses.replace(third, prompt="say " + "a" * 600)
    item = toy.Toy.item

    def found(asked):
        return item(toy.Toy(), **asked).id

    monkeypatch.setattr(
        toy.Toy, "item", lambda self, **asked: long if found(asked) == third.id else item(self, **asked)
    )
    result = compare()
    assert result.verdict.exit_code == 4
    assert "prompt_too_long" in (result.verdict.candidates[0].cells[0].reason or "")


def test_fail_fast_ends_at_the_first_regression_and_lists_the_undecided(compare, tmp_path):
    broken_first = {}
    for index in range(120):
        broken_first[toy.Toy().item(stratum="level=1", seed=7, index=index, tokens=None).references[0]] = "?"
    result = compare(lambda word: broken_first.get(word, rarely_broken(word)), fail_fast=True)
    assert result.verdict.exit_code == 1
    assert "undecided: toy/level=2" in json.dumps(result.manifest["stopped_early"])


def test_spent_budget_leaves_cells_undecided(compare):
    result = compare(budget_s=1e-9)
    assert result.verdict.exit_code == 3
    assert [cell.n for cell in result.verdict.candidates[0].cells] == [20, 20]


def test_candidate_of_other_weights_but_the_same_shape_is_compared(compare, tmp_path):
    other = save_tiny(tmp_path / "other", Tiny(seed=5))
    assert compare(specs=(str(other),)).verdict.exit_code == 0


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        (Tiny(extra_tokens=3), "vocabulary sizes"),
        (Tiny(template="{% for m in messages %}{{ m['content'] }}!{% endfor %}"), "chat templates"),
        (Tiny(template=None), "chat templates"),
    ],
)
def test_candidate_that_does_not_descend_from_the_baseline_is_refused(compare, tmp_path, spec, what):
    other = save_tiny(tmp_path / "other", spec)
    with pytest.raises(IntegrityError, match=f"the {what} of"):
        compare(specs=(str(other),))
    assert not (tmp_path / "run").exists()


def test_candidate_with_another_tokenizer_is_refused(compare, tmp_path):
    other = save_tiny(tmp_path / "other")
    file = other / "tokenizer.json"
    data = json.loads(file.read_text())
    vocabulary = data["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    file.write_text(json.dumps(data))
    with pytest.raises(IntegrityError, match="the tokenizers of"):
        compare(specs=(str(other),))


def test_candidate_of_another_architecture_is_refused(compare, tmp_path):
    other = save_tiny(tmp_path / "other", model=tiny_model(Tiny()))
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "model_type": "mistral"}))
    with pytest.raises(IntegrityError, match="the architectures of"):
        compare(specs=(str(other),))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"gate": "nosuch"}, "neither a file nor"),
        ({"suite": "nosuch"}, "no suite 'nosuch'"),
        ({"max_items": 0}, "--max-items 0"),
        ({"device": "tpu"}, "--device tpu"),
        ({"specs": ()}, None),
    ],
)
def test_wrong_request_is_one_error_and_leaves_no_folder(compare, tmp_path, options, complaint, model):
    if "specs" in options:
        with pytest.raises(UsageError, match="at least one candidate"):
            job.compare_variants(CompareOptions(baseline=model, candidates=(), suite="quick", out=tmp_path / "run"))
    else:
        with pytest.raises(TailgateError, match=complaint):
            compare(**options)
    assert not (tmp_path / "run").exists()


def test_candidate_that_ends_at_other_tokens_is_refused(compare, tmp_path):
    other = save_tiny(tmp_path / "other")
    data = json.loads((other / "generation_config.json").read_text())
    (other / "generation_config.json").write_text(json.dumps({**data, "eos_token_id": [1, 2]}))
    with pytest.raises(IntegrityError, match="the end-of-text ids of"):
        compare(specs=(str(other),))


def test_max_items_lowers_a_floor_to_the_cap_and_no_further(compare, tmp_path):
    (tmp_path / "gate.toml").write_text("margin = 0.1\nmin_items = { default = 30 }\n")
    plan = compare(gate=str(tmp_path / "gate.toml"), max_items=50).manifest["plan"]["cells"][0]
    assert (plan["min_items"], plan["max_items"]) == (30, 50)


def test_budget_bounds_a_run_of_fixed_size_too(compare):
    assert [cell.n for cell in compare(budget_s=1e-9, fixed_n=True).verdict.candidates[0].cells] == [20, 20]


def test_outcomes_that_were_lost_afterwards_are_noticed(compare):
    path = compare().path
    pq.write_table(pq.read_table(path / "outcomes.parquet").slice(1), path / "outcomes.parquet")
    with pytest.raises(RunFolderError, match="holds 79 outcomes, its run wrote 80"):
        load_run(path)


def test_gate_with_another_chance_does_not_outlive_itself(compare, tmp_path):
    (tmp_path / "guess.toml").write_text("margin = 0.1\nchance = 0.5\nmax_items = 120\n")
    path = compare(gate=str(tmp_path / "guess.toml")).path
    (tmp_path / "plain.toml").write_text("margin = 0.1\n")
    again = decide(path, tmp_path / "plain.toml")
    assert {cell.chance for cell in again.candidates[0].cells} == {0.0}


def test_candidate_given_twice_is_refused(compare, model):
    with pytest.raises(UsageError, match="given twice"):
        compare(specs=(f"{model}@rtn", f"{model}@rtn"))


def test_weights_changed_under_the_cached_fingerprint_are_noticed(compare, tmp_path, monkeypatch, model):
    compare(out="first")
    monkeypatch.setattr("tailgate.variants.load.hash_tensors", lambda tensors: "0" * 64)
    with pytest.raises(IntegrityError, match="are not those recorded"):
        compare(out="second", seed=99)


def test_manifest_says_what_ran(compare, model):
    manifest = read_manifest(compare().path)
    assert manifest["status"] == "finished"
    assert manifest["candidates"][0]["method"] == "rtn"
    assert manifest["candidates"][0]["options"] == {"bits": 4, "group": 64, "sym": True}
    assert manifest["versions"]["torch"].startswith("2.13.0")
    assert manifest["controls"] == {"noise_items": 0, "positive_items": 0, "missing": ["controls"]}
    assert manifest["sandboxes"] == {}


def test_run_is_kept_in_the_history(compare, tmp_path, model):
    first, second = compare(half_broken), compare(half_broken, out="again")
    with open_runs(tmp_path / "store") as runs:
        newest = runs.newest(10)
        cells = runs.cells(newest[0].run)
    assert newest[0].path in {str(first.path.resolve()), str(second.path.resolve())}
    assert newest[0].decision == first.verdict.decision
    assert [(c.stratum, c.delta) for c in cells] == [
        (c.stratum, c.delta) for c in sorted(second.verdict.candidates[0].cells, key=lambda each: each.stratum)
    ]


def test_time_is_in_the_manifest_and_not_in_the_verdict(compare):
    result = compare()
    assert time.strftime("%Y") in result.manifest["finished_utc"]
    assert time.strftime("%Y-%m") not in (result.path / "verdict.json").read_text()


class Finite(toy.Toy):
    """A hundred words, in one order whatever the seed."""

    def size(self, stratum):
        return 100

    def item(self, *, stratum, seed, index, tokens):
        assert 0 <= index < 100, index
        return super().item(stratum=stratum, seed=0, index=index, tokens=tokens)


class Grouped(toy.Toy):
    """Four questions share a text."""

    def cluster_items(self, stratum):
        return 4

    def item(self, *, stratum, seed, index, tokens):
        made = super().item(stratum=stratum, seed=seed, index=index, tokens=tokens)
        return dataclasses.replace(made, cluster=f"text {index // 4}")


class Sandboxed(toy.Toy):
    """Has nothing to run the answers of level 2 with."""

    def needs(self, stratum):
        return "no interpreter of level 2" if stratum == "level=2" else None

    def executes(self, stratum):
        return ("python",) if stratum == "level=2" else ()

    def grade(self, item, answer):
        if answer.text == "?":
            raise SliceError("the sandbox went away")
        return dataclasses.replace(super().grade(item, answer), signals={"length": len(answer.text), "odd": math.nan})


class Instructed(toy.Toy):
    """Has a system prompt."""

    uses_system = True

    def item(self, *, stratum, seed, index, tokens):
        made = super().item(stratum=stratum, seed=seed, index=index, tokens=tokens)
        return dataclasses.replace(made, system="be brief, ")


@pytest.fixture
def serve(monkeypatch):
    """Put another slice in the place of the toy."""

    def put(name):
        monkeypatch.setattr(registry, "BUILT_IN", {"toy": f"{__name__}:{name}"})
        registry.get_slice.cache_clear()

    return put


def test_a_slice_with_an_end_is_calibrated_on_items_that_no_run_asks(compare, serve):
    serve("Finite")
    result = compare(fixed_n=True)
    assert [cell.n for cell in result.verdict.candidates[0].cells] == [60, 60]
    asked = {outcome.index for outcome in read_outcomes(result.path)}
    assert asked == set(range(60))
    assert result.manifest["calibration"]["toy/level=1"] == {"n": 40, "correct": 40}


def test_items_that_share_a_text_are_decided_by_text(compare, serve):
    serve("Grouped")
    result = compare(fixed_n=True)
    assert [(cell.n, cell.n_clusters) for cell in result.verdict.candidates[0].cells] == [(120, 30), (120, 30)]
    assert result.verdict.decision == "inconclusive"
    assert "takes 40 clusters of 4 without a single flip" in result.verdict.candidates[0].cells[0].reason


def test_what_the_machine_cannot_serve_is_not_applicable(compare, serve):
    serve("Sandboxed")
    result = compare()
    assert result.verdict.not_applicable == {"toy/level=2": "cannot be served here: no interpreter of level 2"}


def test_a_missing_sandbox_voids_a_run_whose_suite_executes_programs(compare, serve, monkeypatch):
    serve("Sandboxed")
    monkeypatch.setattr(checks, "why_not", lambda language, unsafe: f"{language} programs cannot be run: no sandbox")
    result = compare()
    assert (result.verdict.decision, result.verdict.exit_code) == ("invalid", 4)
    assert result.verdict.candidates[0].reasons[0].startswith("toy/level=2: cannot be served here")
    assert decide(result.path).exit_code == 4


def test_an_answer_that_cannot_be_graded_is_invalid_not_wrong(compare, serve):
    serve("Sandboxed")
    verdict = compare(half_broken).verdict
    assert (verdict.decision, verdict.exit_code) == ("invalid", 4)
    assert "candidate_ungradable: the sandbox went away" in verdict.candidates[0].cells[0].reason


def test_what_a_grader_measures_is_kept_as_far_as_it_is_a_number(compare, serve):
    serve("Sandboxed")
    first = read_outcomes(compare().path)[0]
    assert json.loads(first.baseline_signals) == json.loads(first.candidate_signals) == {"length": 6.0}


def last_word(prompt):
    return prompt.rpartition("say ")[2] if "be brief, " in prompt else "no system prompt"


def test_system_prompt_reaches_the_model_and_the_outcomes(compare, serve):
    serve("Instructed")
    result = compare(last_word, baseline=last_word)
    assert result.verdict.decision == "pass"
    assert read_outcomes(result.path)[0].prompt.startswith("[system]\nbe brief, \n\n[user]\nsay ")
    assert not [note for note in result.manifest["notes"] if "system message" in note]


def test_template_without_a_system_message_is_noted_where_it_matters(compare, serve, monkeypatch):
    def resolve_without(text, device):
        found = resolve(text, device)
        return dataclasses.replace(found, tokenizer=dataclasses.replace(found.tokenizer, system_role=False))

    monkeypatch.setattr(job, "resolve", resolve_without)
    note = "the model's template takes no system message: system prompts stand before the user's message"
    assert note not in compare(out="plain").manifest["notes"]
    serve("Instructed")
    assert note in compare(last_word, baseline=last_word, out="instructed").manifest["notes"]
