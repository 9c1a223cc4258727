"""`kv=` from the spec to the manifest: who serves it, who refuses it, and that it makes another model."""

import pytest

from tailgate.errors import UsageError
from tailgate.pipeline import compare as job
from tailgate.pipeline.checks import check_kv
from tailgate.pipeline.engines import choose_engine
from tailgate.pipeline.options import CompareOptions
from tailgate.report.facts import fact_groups
from tailgate.store.run_folder import read_manifest
from tailgate.variants.load import can_donate, load
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


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp("tiny")))


@pytest.mark.parametrize("kv", ["int8", "fp8", "int4"])
def test_the_native_engine_serves_every_kind_and_the_reference_engine_none(model, kv):
    variant = resolve(f"{model}@stored:kv={kv}", "cpu")
    check_kv(variant, choose_engine("native", variant.config))
    with pytest.raises(UsageError, match=rf"kv={kv}, but engine reference stores them as computed; use --engine nat"):
        check_kv(variant, choose_engine("reference", variant.config))


def test_weights_are_shared_and_the_fingerprint_is_not(model):
    plain, kept = (resolve(f"{model}{tail}", "cpu") for tail in ("", "@stored:kv=int8"))
    assert can_donate(plain, kept)
    donor = load(plain)
    assert load(kept, donor).facts.fingerprint != donor.facts.fingerprint
    assert not load(kept, donor).facts.lossless


@pytest.fixture
def compare(monkeypatch, tmp_path, model, toy_slice):
    (tmp_path / "suite.toml").write_text(SUITE)

    def run(*candidates, **options):
        asked = {"suite": str(tmp_path / "suite.toml"), "out": tmp_path / "run", "store": tmp_path / "store"}
        asked |= {"controls": "none", "max_items": 20, **options}
        return job.compare_variants(CompareOptions(baseline=model, candidates=candidates, **asked))

    return run


def test_a_run_says_how_keys_and_values_were_stored(compare, model):
    specs = f"{model}@stored:kv=int4", f"{model}@rtn:kv=int8"
    run = compare(*specs)
    manifest = read_manifest(run.path)
    assert [manifest["baseline"]["kv"], *(each["kv"] for each in manifest["candidates"])] == ["", "int4", "int8"]
    said = {
        group.title: {fact.label: fact.value for fact in group.facts} for group in fact_groups(manifest, run.verdict)
    }
    assert "keys and values" not in said["Baseline"]
    assert [said[f"Candidate {n}"]["keys and values"] for n in (1, 2)] == ["stored as int4", "stored as int8"]


def test_a_run_on_the_reference_engine_is_refused_before_anything_is_computed(compare, model, tmp_path):
    with pytest.raises(UsageError, match="kv=int4, but engine reference"):
        compare(f"{model}@stored:kv=int4", engine="reference")
    assert not (tmp_path / "run").exists()
