"""The files that people copy: each is read by what will read it there."""

import tomllib
from configparser import ConfigParser

import pytest
import yaml

from tailgate.config import load_nightly_config, load_waivers
from tailgate.pipeline.options import options_from_table


@pytest.fixture
def examples(repo_root):
    return repo_root / "docs" / "examples"


def test_nightly_file_is_one_that_compare_takes(examples):
    config = load_nightly_config(examples / "nightly.toml")
    options = options_from_table(config.run.model_dump(exclude_none=True))
    assert options.baseline == "smollm2"
    assert options.budget_s == 50 * 60


def test_waiver_file_is_one_that_the_gate_takes(examples):
    assert [each.cell for each in load_waivers(examples / "waivers.toml")] == ["code/task=write-2"]


@pytest.mark.parametrize("name", ["nightly.cron", "tailgate-nightly.service", "nightly.slurm", "nightly-workflow.yml"])
def test_jobs_call_the_script_that_is_there(examples, repo_root, name):
    assert "bash scripts/nightly.sh" in (examples / name).read_text()
    assert (repo_root / "scripts" / "nightly.sh").is_file()


@pytest.mark.parametrize("name", ["tailgate-nightly.service", "tailgate-nightly.timer"])
def test_units_are_ini_files_with_a_unit_section(examples, name):
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read(examples / name)
    assert parser["Unit"]["Description"]


def test_cronjob_never_runs_twice_at_once(examples):
    job = yaml.safe_load((examples / "nightly-cronjob.yaml").read_text())
    assert (job["kind"], job["spec"]["concurrencyPolicy"]) == ("CronJob", "Forbid")


def test_workflow_gives_the_action_inputs_that_it_has(examples, repo_root):
    action = yaml.safe_load((repo_root / "action.yml").read_text())
    workflow = yaml.safe_load((examples / "release-gate.yml").read_text())
    (step,) = (each for each in workflow["jobs"]["tailgate"]["steps"] if "tailgate" in each["uses"])
    assert step["with"].keys() <= action["inputs"].keys()
    needed = {name for name, each in action["inputs"].items() if each.get("required")}
    assert needed <= step["with"].keys()


def test_action_runs_no_text_of_its_inputs(repo_root):
    action = yaml.safe_load((repo_root / "action.yml").read_text())
    scripts = [step["run"] for step in action["runs"]["steps"] if "run" in step]
    assert scripts
    assert not any("${{" in script for script in scripts)


def test_action_installs_extras_that_exist(repo_root):
    action = yaml.safe_load((repo_root / "action.yml").read_text())
    project = tomllib.loads((repo_root / "pyproject.toml").read_text())["project"]
    assert set(action["inputs"]["extras"]["default"].split(",")) <= project["optional-dependencies"].keys()
