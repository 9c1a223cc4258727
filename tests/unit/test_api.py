"""The product from Python: what the README shows."""

import pytest

import tailgate
from tailgate.errors import UsageError
from tests.support.tiny import save_tiny


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    model = str(save_tiny(folder / "tiny"))
    return tailgate.compare(
        model, f"{model}@rtn:bits=3", suite="quick", max_items=20, out=folder / "run", store=str(folder / "store")
    )


def test_public_names_are_frozen():
    assert tailgate.__all__ == ["Outcomes", "Run", "compare", "decide", "load_run"]
    assert all(hasattr(tailgate, name) for name in tailgate.__all__)


def test_unknown_public_name_is_an_attribute_error():
    assert not hasattr(tailgate, "nosuch")


def test_compare_returns_verdict_and_outcomes(run):
    assert run.verdict.decision == "inconclusive"  # random weights answer nothing
    assert len(run.outcomes) == 8 * 20
    assert run.outcomes[0].slice == "general"


def test_outcomes_become_data_frames(run):
    assert run.outcomes.to_pandas().shape == (160, run.outcomes.to_arrow().num_columns)


def test_decide_and_load_run_agree_with_the_run(run):
    assert tailgate.decide(run.path) == run.verdict == tailgate.load_run(run.path).verdict


def test_decide_by_another_gate_uses_its_margins(run, tmp_path):
    (tmp_path / "gate.toml").write_text("margin = 0.2\n")
    verdict = tailgate.decide(run.path, tmp_path / "gate.toml")
    assert {cell.margin for cell in verdict.candidates[0].cells} == {0.2}
    assert verdict.gate_sha256 != run.verdict.gate_sha256


def test_error_carries_the_exit_code_of_the_command_line(tmp_path):
    with pytest.raises(UsageError) as caught:
        tailgate.compare("./nowhere", "./nowhere@rtn", suite="quick", out=tmp_path / "run", store=tmp_path)
    assert caught.value.exit_code == 2
