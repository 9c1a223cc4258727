"""A run in the words of other tools, read back by those tools."""

import json
import struct
import subprocess
import sys

import pytest

from tailgate.errors import SetupError
from tailgate.interop.export import Exported, export, metrics
from tests.unit.report.factory import INT4, candidate, cell, manifest, small_run, undecided_cell, verdict


@pytest.fixture
def run(tmp_path):
    found = small_run()
    return Exported(verdict=found.verdict, manifest={**found.manifest, "slices": {"long_context": "2"}}, out=tmp_path)


def test_lm_eval_results_have_a_task_for_every_cell_of_either_side(run):
    baseline, other = (json.loads(file.read_text()) for file in export(run, "lm-eval"))
    task = "tailgate_long_context_len=2048"
    assert (baseline["results"][task]["score,none"], other["results"][task]["score,none"]) == (0.8125, 0.7125)
    assert baseline["results"][task]["score_stderr,none"] == pytest.approx((0.8125 * 0.1875 / 400) ** 0.5)
    assert other["versions"][task] == "2"
    assert (baseline["model_name"], other["model_name"]) == ("smollm2", INT4)


def test_lm_eval_prints_its_own_table_of_them(run, require):
    require("lm_eval")
    from lm_eval.utils import make_table

    table = make_table(json.loads(export(run, "lm-eval")[1].read_text()))
    assert "long_context/len=2048" in table
    assert "0.7125" in table


def test_a_cell_without_items_is_left_out(tmp_path):
    run = Exported(verdict=verdict(candidate(undecided_cell())), manifest={}, out=tmp_path)
    assert [json.loads(file.read_text())["results"] for file in export(run, "lm-eval")] == [{}, {}]
    assert metrics(run.verdict.candidates[0]) == {}


def test_model_card_is_read_back_with_its_results(run):
    from huggingface_hub import ModelCard

    [file] = export(run, "model-card")
    card = ModelCard.load(file)
    assert card.data.base_model == "smollm2"
    found = {(each.dataset_config, each.metric_type): each.metric_value for each in card.data.eval_results}
    assert found["len=2048", "score"] == 0.7125
    assert found["len=2048", "paired_delta"] == -0.1
    assert "**regression**" in card.text


def test_metrics_are_named_in_signs_that_trackers_take():
    found = metrics(candidate(cell(stratum="lang=sw,task=copy")))
    assert found["long_context/lang_sw_task_copy/delta"] == -0.1


@pytest.mark.filterwarnings("ignore")  # of the libraries that it brings
def test_mlflow_reads_its_run_back(run, require):
    require("mlflow")
    import mlflow

    export(run, "mlflow")
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{run.out / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tailgate")
    [found] = client.search_runs([experiment.experiment_id])
    assert found.data.metrics["long_context/len_2048/delta"] == -0.1
    assert found.data.tags["decision"] == "regression"


def log_records(data, block=32768):
    """Records of a LevelDB log, which a .wandb file is: checksum, length and kind, then a part of a record."""
    at, parts = 7, b""
    while at + 7 <= len(data):
        if block - at % block < 7:
            at += block - at % block
            continue
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


@pytest.mark.filterwarnings("ignore")
def test_wandb_writes_an_offline_run_that_it_reads_back(run, require):
    require("wandb")
    from wandb.proto import wandb_internal_pb2

    [folder] = export(run, "wandb")
    [file] = folder.glob("run-*.wandb")
    seen = {}
    for data in log_records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        seen |= {each.key or "/".join(each.nested_key): each.value_json for each in record.history.item}
    assert json.loads(seen["long_context/len_2048/delta"]) == -0.1


READ_TRACKIO = """
import json, os, sys
os.environ["TRACKIO_DIR"] = sys.argv[1]
import trackio
[run] = trackio.Api().runs("tailgate")
[logged] = trackio.sqlite_storage.SQLiteStorage.get_logs("tailgate", run.name)
print(json.dumps({"name": run.name, "config": run.config, "metrics": logged}))
"""


@pytest.mark.filterwarnings("ignore")
def test_trackio_reads_its_run_back(run, require, capfd):
    require("trackio")
    [file] = export(run, "trackio")
    assert capfd.readouterr().out == ""
    asked = [sys.executable, "-c", READ_TRACKIO, str(file.parent)]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["name"] == INT4
    assert found["config"]["decision"] == "regression"
    assert found["metrics"]["long_context/len_2048/delta"] == -0.1


def test_trackio_is_not_asked_where_it_would_send(run, monkeypatch):
    monkeypatch.setenv("TRACKIO_SPACE_ID", "org/space")
    with pytest.raises(SetupError, match="TRACKIO_SPACE_ID is set, by which trackio would send the run away"):
        export(run, "trackio")


@pytest.mark.parametrize("package", ["mlflow", "wandb", "trackio"])
def test_a_missing_package_is_named(package, run, monkeypatch):
    import sys

    from tailgate.errors import MissingPackageError

    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=f"the export needs {package}"):
        export(run, package)


def test_command_writes_into_the_run_folder_unless_told_otherwise(tailgate, tmp_path, monkeypatch):
    from tailgate import api

    found = small_run()
    monkeypatch.setattr(api, "load_run", lambda path: api.Run(path=path, verdict=found.verdict, manifest=manifest()))
    code, out, _ = tailgate("export", tmp_path, "--to", "model-card")
    assert (code, out.strip()) == (0, str(tmp_path / "exports" / "model_card_1.md"))
