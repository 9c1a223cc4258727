"""Cost cards: measured beside the questions of a run, kept for runs that ask nothing, and never part of a verdict."""

import json
from dataclasses import replace

import pytest

from tailgate.engine.protocol import Counters
from tailgate.engine.request import Transcript
from tailgate.errors import SetupError
from tailgate.pipeline.compare import compare_variants
from tailgate.pipeline.cost import NOT_MEASURED, ON_CPU, ON_GPU, THIS_RUN, Meter, Probe, measure_rates, probes_for
from tailgate.pipeline.options import CompareOptions
from tailgate.variants.variant import resolve
from tests.support.tiny import save_tiny

SUITE = """
name = "toys"
version = "1"
seed = 7
gate = "quick"
[[slices]]
name = "toy"
gate_by = "level"
strata = ["level=1"]
"""
MIB = 2**20


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp("tiny")))


@pytest.fixture
def run(monkeypatch, tmp_path, model, toy_slice):
    (tmp_path / "suite.toml").write_text(SUITE)
    candidates = (f"{model}@rtn:bits=4,group=32",)

    def compare(out, **options):
        asked = {"suite": str(tmp_path / "suite.toml"), "controls": "none", "max_items": 20, **options}
        store = tmp_path / "store"
        return compare_variants(
            CompareOptions(baseline=model, candidates=candidates, out=tmp_path / out, store=store, **asked)
        )

    return compare


class Clocked:
    """An engine that stops after `stops` tokens, counts its work, and fails where it is told to."""

    name, version = "clocked", "1"

    def __init__(self, stops=100, fails=False):
        self.counters, self.stops, self.fails, self.asked = Counters(), stops, fails, []

    def generate(self, requests):
        if self.fails:
            raise SetupError("out of memory")
        self.asked.append(requests)
        for request in requests:
            self.counters.generated += 1
            tokens = (5,) * min(self.stops, request.max_new_tokens)
            yield (Transcript(key=request.key, tokens=tokens, text="", finish_reason="length"),)


def test_both_sides_have_a_card_measured_in_this_run(run, model):
    cards = run("first").manifest["cost"]["sides"]
    assert list(cards) == ["baseline", f"{model}@rtn:bits=4,group=32"]
    for card in cards.values():
        assert card["measured"] == THIS_RUN
        for figure in ("files_bytes", "memory_bytes", "first_token_s", "prefill_tokens_per_s", "busy_s"):
            assert card[figure] > 0, figure
        assert card["peak_bytes"] is None or card["peak_bytes"] >= card["memory_bytes"]


def test_a_rerun_from_the_store_shows_what_was_recorded_and_decides_the_same(run, tmp_path):
    first, again = run("first"), run("again")
    assert again.manifest["counters"]["baseline"]["generated"] == 0
    for name, card in again.manifest["cost"]["sides"].items():
        before = first.manifest["cost"]["sides"][name]
        assert card["measured"].startswith("an earlier run, 20")
        assert card["prefill_tokens_per_s"] == before["prefill_tokens_per_s"]
        assert card["busy_s"] == 0
    verdicts = [(tmp_path / out / "verdict.json").read_bytes() for out in ("first", "again")]
    assert verdicts[0] == verdicts[1]
    assert b"tokens_per_s" not in verdicts[0]


def test_a_rerun_elsewhere_says_that_nothing_was_measured(run, monkeypatch):
    run("first")
    monkeypatch.setattr("platform.node", lambda: "another")
    card = run("again").manifest["cost"]["sides"]["baseline"]
    assert card["measured"] == NOT_MEASURED
    assert card["prefill_tokens_per_s"] is None
    assert card["memory_bytes"] > 0


def test_probing_leaves_the_work_of_the_run_as_it_is(run):
    counters = run("first").manifest["counters"]["baseline"]
    assert counters["generated"] + counters["cached"] == 20 + 40  # evidence and calibration, no probe


def test_the_conditions_are_told_with_the_figures(run):
    conditions = run("first").manifest["cost"]["conditions"]
    assert conditions.startswith(
        "engine native on cpu; time to first token: one prompt of 128 tokens; prefill: 4 prompts"
    )


def test_reports_hold_the_cards(run, tmp_path):
    run("first")
    assert "## What it costs" in (tmp_path / "first" / "report.md").read_text()
    assert "What it costs" in (tmp_path / "first" / "report.html").read_text()
    assert json.loads((tmp_path / "first" / "manifest.json").read_text())["cost"]["sides"]


def test_prompts_of_a_probe_share_no_beginning_and_fit_the_context(model):
    engine, variant = Clocked(), resolve(model, "cpu")
    measure_rates(engine, variant, replace(ON_CPU, prefill=Probe(rows=4, prompt=100_000)))
    prompts = [request.prompt_ids for requests in engine.asked for request in requests]
    assert len({prompt[:1] for prompt in prompts}) > len(prompts) // 2
    assert max(len(prompt) + 1 for prompt in prompts) <= variant.context_length


def test_answers_that_end_at_once_give_no_decoding_rate(model):
    rates = measure_rates(Clocked(stops=1), resolve(model, "cpu"), ON_CPU)
    assert rates.decode_tokens_per_s is None
    assert rates.prefill_tokens_per_s > 0


def test_a_side_is_probed_once_and_its_counters_are_given_back(model):
    meter, engine = Meter(device="cpu", probes=True), Clocked()
    meter.probe(engine, resolve(model, "cpu"))
    asked = len(engine.asked)
    meter.probe(engine, resolve(model, "cpu"))
    assert asked == len(engine.asked) == 5
    assert engine.counters.generated == 0


def test_a_probe_that_fails_is_a_note_and_no_end_of_the_run(model):
    meter = Meter(device="cpu", probes=True)
    meter.probe(Clocked(fails=True), resolve(model, "cpu"))
    assert meter.rates.missing == "out of memory"
    assert meter.rates.prefill_tokens_per_s is None


def test_an_engine_whose_speed_is_not_its_own_is_never_probed(model):
    meter, engine = Meter(device="cpu"), Clocked()
    meter.probe(engine, resolve(model, "cpu"))
    assert engine.asked == []


def test_memory_taken_on_the_way_is_seen_where_the_system_tells():
    meter = Meter(device="cpu", sees_memory=True)
    if meter.working_bytes is None and not list(meter.watched(iter([]))) and meter.working_bytes is None:
        pytest.skip("this system does not tell the peak of a process")

    def batches():
        taken = bytearray(b"x") * (64 * MIB)
        yield len(taken)

    assert list(meter.watched(batches())) == [64 * MIB]
    assert meter.working_bytes >= 60 * MIB


def test_gpus_are_probed_with_more():
    assert probes_for("cuda:1") is ON_GPU
    assert probes_for("cpu") is ON_CPU
