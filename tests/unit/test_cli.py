"""The command line: one line and the right exit code for every mistake, JSON where it is asked for."""

import json
import subprocess
import sys

import pytest

from tests.support.tiny import Tiny, save_tiny

COMPARE_OPTIONS = {
    "--suite", "--gate", "--engine", "--engine-option", "--gpu-memory", "--allow-mixed-engines", "--out", "--seed",
    "--max-items", "--budget", "--fixed-n", "--fail-fast",
    "--controls", "--confirm", "--residency", "--executor", "--workers", "--ray-address",
    "--traffic", "--unsafe-exec", "--device", "--store", "--resume", "--config", "--json", "--quiet",
    "--help",
}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"))


def test_help_lists_the_commands_and_the_exit_codes(tailgate):
    code, out, _ = tailgate("--help")
    assert code == 0
    assert "compare" in out
    assert "4 environment or integrity" in " ".join(out.split())


def test_options_of_compare_are_frozen(tailgate):
    _, out, _ = tailgate("compare", "--help")
    assert {word.strip(",") for word in out.split() if word.startswith("--")} == COMPARE_OPTIONS


@pytest.mark.parametrize(
    "module", ["tailgate.cli", "tailgate.gate", "tailgate.pipeline.decide", "tailgate.report.model"]
)
def test_light_modules_import_neither_torch_nor_transformers(module):
    script = f"import sys, {module}; print(sorted({{'torch', 'transformers', 'scipy.stats'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["compare"], 2, "needs BASELINE and CANDIDATE"),
        (["compare", "smollm2", "smollm2@awq4", "--suite", "quick"], 2, "unknown method 'awq4'"),
        (["compare", "smollm2", "smollm2@rtn:bit=4", "--suite", "quick"], 2, "unknown key 'bit'"),
        (["compare", "./nowhere", "./nowhere@rtn", "--suite", "quick"], 2, "no model './nowhere'"),
        (["compare", "smollm2", "smollm2@rtn", "--suite", "nosuch"], 2, "no suite 'nosuch'"),
        (["compare", "smollm2", "smollm2@rtn", "--engine", "magic"], 2, "unknown engine 'magic'"),
        (["compare", "smollm2", "smollm2@rtn", "--budget", "soon"], 2, "'soon' is no duration"),
        (["compare", "smollm2", "smollm2@rtn", "--nosuch"], 2, "No such option"),
        (["compare", "smollm2", "smollm2@rtn", "--seed", "x"], 2, "valid integer"),
        (["compare", "--resume", "nowhere"], 2, "no manifest.json"),
        (["gate", "nowhere"], 2, "no manifest.json"),
        (["report", "nowhere"], 2, "no manifest.json"),
        (["slices", "show", "long_contxt"], 2, "did you mean 'long_context'"),
        (["slices", "generate", "general", "--n", "0", "--seed", "1"], 2, "--n 0"),
        (["variants", "inspect", "nowhere.gguf"], 2, "no file 'nowhere.gguf'"),
    ],
)
def test_mistake_is_one_line_with_its_exit_code(tailgate, tmp_path, monkeypatch, arguments, code, complaint):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAILGATE_STORE", str(tmp_path / "store"))
    seen, out, err = tailgate(*arguments)
    lines = [line for line in err.splitlines() if line.startswith("tailgate:")]
    assert (seen, out, len(lines)) == (code, "", 1)
    assert complaint in lines[0]
    assert "Traceback" not in err
    assert not (tmp_path / "results").exists()


def test_unknown_key_of_a_run_file_is_named(tailgate, tmp_path):
    (tmp_path / "run.toml").write_text('baseline = "smollm2"\nsuit = "quick"\n')
    code, _, err = tailgate("compare", "--config", tmp_path / "run.toml")
    assert code == 2
    assert "unknown key 'suit'" in err


def test_damaged_checkpoint_is_an_environment_error(tailgate, tmp_path):
    file = save_tiny(tmp_path / "m") / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])
    code, _, err = tailgate("compare", tmp_path / "m", f"{tmp_path}/m@rtn", "--suite", "quick", "--out", tmp_path / "r")
    assert code == 4
    assert "damaged weights" in err


def test_output_that_cannot_be_written_is_an_environment_error(tailgate, tmp_path, model):
    (tmp_path / "file").write_text("")
    code, _, err = tailgate("compare", model, f"{model}@rtn", "--suite", "quick", "--out", tmp_path / "file/run")
    assert code == 4
    assert "--out" in err


def test_run_on_a_tiny_model_can_be_decided_again_reported_and_read_as_json(tailgate, tmp_path, model):
    out = tmp_path / "run"
    arguments = [
        "--suite",
        "quick",
        "--out",
        out,
        "--store",
        tmp_path / "store",
        "--max-items",
        "20",
        "--json",
        "--quiet",
    ]
    code, text, _ = tailgate("compare", model, f"{model}@rtn", *arguments)
    verdict = json.loads(text)
    assert (code, verdict["exit_code"]) == (3, 3)  # random weights answer nothing: no cell is informative
    again, text, _ = tailgate("gate", out, "--json")
    assert (again, json.loads(text)) == (3, verdict)
    (out / "report.md").unlink()
    assert tailgate("report", out, "--format", "md")[0] == 0
    assert (out / "report.md").exists()
    (tmp_path / "gate.toml").write_text("alpha = 0.05\nmargin = {nosuch = 0.1}\n")
    code, _, err = tailgate("gate", out, "--gate", tmp_path / "gate.toml")
    assert code == 2
    assert "nosuch" in err


def test_options_of_the_command_line_win_over_the_run_file(tailgate, tmp_path, model):
    (tmp_path / "run.toml").write_text(
        f'baseline = "{model}"\ncandidates = ["{model}@rtn"]\nsuite = "quick"\nseed = 5\nmax_items = 20\n'
    )
    run, store = tmp_path / "run", tmp_path / "store"
    tailgate("compare", "--config", tmp_path / "run.toml", "--seed", "6", "--out", run, "--store", store, "--quiet")
    assert json.loads((run / "manifest.json").read_text())["suite"]["seed"] == 6


def test_inspect_prints_fingerprint_and_bytes(tailgate, tmp_path, model):
    code, out, _ = tailgate("variants", "inspect", f"{model}@bnb-nf4", "--store", tmp_path, "--json")
    facts = json.loads(out)
    assert code == 0
    assert len(facts["fingerprint"]) == 64
    assert facts["bytes_by_dtype"]["uint8"] > 0


def test_generate_prints_round_robin_over_the_strata(tailgate):
    _, out, _ = tailgate("slices", "generate", "multihop_arithmetic", "--n", "6", "--seed", "1", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert len(rows) == 6
    assert {"id", "slice", "stratum", "prompt"} <= set(rows[0])
    assert len({row["stratum"] for row in rows}) > 1
    assert not any("system" in row for row in rows)


def test_generate_prints_a_system_prompt_where_there_is_one(tailgate):
    asked = ("slices", "generate", "instruction_stack", "--n", "1", "--seed", "1")
    row = json.loads(tailgate(*asked, "--json")[1])
    assert row["system"].startswith("Follow this rule in your answer: ")
    assert tailgate(*asked)[1] == f"{row['id']}\n[system]\n{row['system']}\n\n[user]\n{row['prompt']}\n\n"


def test_context_of_a_tiny_model_leaves_long_strata_out_loudly(tailgate, tmp_path):
    small = save_tiny(tmp_path / "m", Tiny(context=400))
    out = tmp_path / "run"
    code, _, err = tailgate(
        "compare", small, f"{small}@rtn", "--suite", "tail", "--out", out, "--store", tmp_path / "s", "--max-items", "1"
    )
    assert code == 3
    assert "not applicable: long_context/" in err


def test_unforeseen_error_is_no_regression(tailgate, monkeypatch):
    def broken(options, observer):
        raise KeyError("unforeseen")

    monkeypatch.setattr("tailgate.pipeline.compare.compare_variants", broken)
    code, _, err = tailgate("compare", "smollm2", "smollm2@rtn", "--quiet")
    assert code == 4
    assert "unexpected KeyError" in err


@pytest.mark.parametrize("command", [["compare", "--resume"], ["gate"], ["report"]])
def test_manifest_without_a_plan_or_options_is_one_line(tailgate, tmp_path, command):
    (tmp_path / "manifest.json").write_text('{"schema_version": 1, "status": "finished"}')
    code, _, err = tailgate(*command, tmp_path)
    assert code == 2
    assert len(err.splitlines()) == 1


def test_interrupt_says_how_to_go_on(tailgate, monkeypatch):
    def interrupted(options, observer):
        raise KeyboardInterrupt

    monkeypatch.setattr("tailgate.pipeline.compare.compare_variants", interrupted)
    code, _, err = tailgate("compare", "smollm2", "smollm2@rtn", "--quiet")
    assert code == 130
    assert "continue with --resume" in err


def test_plan_forecasts_without_torch(tailgate):
    code, out, _ = tailgate("plan", "--suite", "quick", "--json")
    assert code == 0
    assert len(json.loads(out)["cells"]) == 8
    code, out, _ = tailgate("plan", "--suite", "quick")
    assert "general/tier=1" in out
    script = "import sys, tailgate.pipeline.plan, tailgate.pipeline.gate_log; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_gate_lint_exits_1_where_a_threshold_was_weakened(tailgate, tmp_path):
    (tmp_path / "new.toml").write_text("alpha = 0.1\n")
    code, out, _ = tailgate("gate-lint", "default", tmp_path / "new.toml")
    assert (code, out) == (1, "alpha of every cell: 0.05 -> 0.1 (verdicts err more often)\n")
    code, out, _ = tailgate("gate-lint", "default", "default", "--json")
    assert (code, json.loads(out)) == (0, [])


def test_gate_log_decides_and_names_what_does_not_pair(tailgate, tmp_path):
    rows = [{"id": str(i), "slice": "code", "score": 1.0} for i in range(90)]
    for name, found in (("base", rows), ("cand", rows[:-1])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, found)))
    code, out, _ = tailgate("gate-log", tmp_path / "base.jsonl", tmp_path / "base.jsonl", "--json")
    assert (code, json.loads(out)["decision"]) == (0, "pass")
    code, out, err = tailgate("gate-log", tmp_path / "base.jsonl", tmp_path / "cand.jsonl")
    assert (code, out) == (4, "")
    assert err == "tailgate: item '89' is missing from the candidate's log; log every item on both sides\n"


def test_history_is_drawn_into_a_file_and_an_empty_one_is_refused(tailgate, tmp_path):
    from tailgate.store.transcripts import Store
    from tests.unit.pipeline.test_history import keep

    store = Store(tmp_path / "store")
    drawing = ("history", "html", "--store", tmp_path / "store", "--out", tmp_path / "history.html")
    assert tailgate(*drawing)[0] == 2
    keep(store.runs, 1)
    store.close()
    assert tailgate(*drawing)[0] == 0
    assert "code/task=write-2" in (tmp_path / "history.html").read_text()
