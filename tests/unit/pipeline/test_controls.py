"""Controls on a toy slice: a cell that misses a broken model cannot pass, a baseline that wavers voids the run."""

import pytest

from tailgate import decide, load_run
from tailgate.errors import SetupError, UsageError, VariantError
from tailgate.pipeline import compare as job
from tailgate.pipeline import controls
from tailgate.pipeline.options import CompareOptions
from tailgate.pipeline.sides import Side
from tailgate.variants.variant import resolve
from tests.support import toy
from tests.support.tiny import save_tiny

SUITE = """
name = "toys"
version = "1"
seed = 7
gate = "quick"
[[slices]]
name = "toy"
gate_by = "level"
strata = ["level=1", "level=2"]
"""


def echo(word):
    return word


def broken(word):
    return "?"


def half_broken(word):
    return word if word < "e" else "?"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp("tiny")))


@pytest.fixture
def run(monkeypatch, tmp_path, model, toy_slice):
    """Compare the tiny model with a variant; `control` and `again` answer for the controls."""
    (tmp_path / "suite.toml").write_text(SUITE)

    def compare(candidate=echo, *, control=broken, again=echo, out="run", candidates=None, **options):
        engine = toy.fake_engine(echo, candidate, again=again)
        monkeypatch.setattr(job, "choose_engine", lambda *_: engine)

        def positive(baseline):
            if control is None:
                raise VariantError("the weights are quantized already")
            side = resolve(f"{model}@rtn:bits=2", "cpu")
            return Side("candidate", side, baseline.store, toy.fake_engine(echo, control))

        monkeypatch.setattr(controls, "positive_control", positive)
        asked = {"suite": str(tmp_path / "suite.toml"), "out": tmp_path / out, "store": tmp_path / "store", **options}
        chosen = (f"{model}@rtn",) if candidates is None else candidates
        return job.compare_variants(CompareOptions(baseline=model, candidates=chosen, **asked))

    return compare


def test_a_good_candidate_passes_where_the_control_is_caught(run):
    verdict = run().verdict
    assert verdict.decision == "pass"
    assert verdict.noise_floor == {"n": 128, "discordant": 0}
    assert "rtn:bits=2" in verdict.controls
    assert "caught in 2 of 2 cells" in verdict.controls


def test_cells_that_miss_the_control_cannot_pass(run):
    verdict = run(control=echo).verdict
    assert verdict.decision == "inconclusive"
    assert {cell.verdict for cell in verdict.candidates[0].cells} == {"uninformative"}
    assert "did not fail here on" in verdict.candidates[0].cells[0].reason


def test_cells_that_miss_the_control_still_block(run):
    assert run(half_broken, control=echo).verdict.decision == "regression"


def test_a_baseline_that_regresses_against_itself_voids_the_run(run):
    verdict = run(again=broken).verdict
    assert (verdict.decision, verdict.exit_code) == ("invalid", 4)
    assert "the baseline did not repeat itself in toy/level=1, toy/level=2" in verdict.controls


def test_a_baseline_that_falls_silent_when_asked_again_voids_the_run(run):
    verdict = run(again=lambda word: None if word < "e" else word).verdict
    assert (verdict.decision, verdict.exit_code) == ("invalid", 4)
    assert "not run: noise floor behind item" in verdict.controls


def test_a_control_without_an_answer_says_where_it_ended(run):
    verdict = run(control=lambda word: None).verdict
    assert verdict.decision == "inconclusive"
    assert "ended here at item" in verdict.candidates[0].cells[0].reason


def test_a_control_that_the_time_budget_stopped_is_named(run):
    verdict = run(control=lambda word: word if word < "g" else "?", budget_s=1e-9).verdict
    stopped = "not run: positive control rtn:bits=2,group=64,sym=true to its end (the time budget ended"
    assert stopped in verdict.controls
    assert "not run: noise floor (the time budget ended)" in verdict.controls
    assert verdict.decision == "inconclusive"


def test_more_flips_than_the_noise_floor_are_flagged_as_churn(run, tmp_path):
    assert "churn" in run(half_broken).verdict.candidates[0].cells[0].flags
    assert "churn" not in run(echo, out="other", store=tmp_path / "fresh").verdict.candidates[0].cells[0].flags


def test_what_cannot_be_run_is_named_and_does_not_block(run):
    verdict = run(control=None, again=None).verdict
    assert verdict.decision == "pass"
    assert verdict.controls == "not run"
    assert verdict.noise_floor is None


def test_one_control_alone_says_which_is_missing(run):
    verdict = run(control=None).verdict
    assert "not run: positive control" in verdict.controls
    assert "quantized already" in verdict.controls


def test_the_gate_decides_again_with_the_controls_of_the_run(run):
    result = run(control=echo)
    assert decide(result.path) == result.verdict
    assert load_run(result.path).verdict.noise_floor == {"n": 128, "discordant": 0}


def test_a_rerun_computes_no_control_again(run):
    run(out="first")
    again = run(out="second")
    assert again.verdict.controls == load_run(again.path.parent / "first").verdict.controls
    assert again.manifest["counters"]["baseline"]["generated"] == 0


def test_controls_alone_decide_nothing(run):
    verdict = run(controls="only", candidates=()).verdict
    assert (verdict.decision, verdict.exit_code) == ("inconclusive", 3)
    assert verdict.candidates == ()
    assert "caught in 2 of 2 cells" in verdict.controls


def test_controls_alone_take_no_candidate(run):
    with pytest.raises(UsageError, match="leave the candidates out"):
        run(controls="only")


def test_controls_alone_of_which_none_can_run_are_refused(run):
    with pytest.raises(SetupError, match=r"no control could be run: positive control .*quantized already"):
        run(controls="only", candidates=(), control=None, again=None)


def test_the_models_of_controls_are_freed_when_a_run_is_interrupted(run, monkeypatch):
    freed = []
    monkeypatch.setattr(Side, "unload", lambda side: freed.append(side.variant.spec.text))

    def interrupted(word):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(control=interrupted)
    assert any(spec.endswith("@rtn:bits=2") for spec in freed)


def test_without_controls_a_candidate_is_needed(run):
    with pytest.raises(UsageError, match="nothing to compare"):
        run(controls="auto", candidates=())
