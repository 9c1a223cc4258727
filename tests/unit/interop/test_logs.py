"""Logs of other tools: read as they are written, paired strictly, decided like a run."""

import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tailgate.errors import ConfigError, IntegrityError, UsageError
from tailgate.interop.inspect_ai import read_inspect
from tailgate.interop.lighteval import read_lighteval
from tailgate.interop.lm_eval import read_lm_eval
from tailgate.pipeline.gate_log import decide_logs
from tailgate.records import CellKey


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows(n, wrong=(), **more):
    return [{"id": f"a{i}", "slice": "code", "score": 0.0 if i in wrong else 1.0, **more} for i in range(n)]


@pytest.fixture
def logs(tmp_path):
    def made(before, after):
        return write(tmp_path / "base.jsonl", before), write(tmp_path / "cand.jsonl", after)

    return made


def test_a_log_that_lost_many_items_is_a_regression(logs):
    verdict = decide_logs(*logs(rows(200), rows(200, wrong=range(0, 200, 3))), "jsonl")
    assert (verdict.decision, verdict.exit_code) == ("regression", 1)
    assert verdict.controls == "not run"
    cell = verdict.candidates[0].cells[0]
    assert (cell.key, cell.n, cell.losses, cell.margin) == (CellKey(slice="code", stratum="all"), 200, 67, 0.05)


def test_a_log_without_a_flip_passes(logs):
    assert decide_logs(*logs(rows(200), rows(200)), "jsonl").exit_code == 0


def test_fifty_equal_items_are_too_few_for_a_pass(logs):
    assert decide_logs(*logs(rows(50), rows(50)), "jsonl").exit_code == 3


def test_ids_may_come_in_any_order(logs):
    verdict = decide_logs(*logs(rows(200), list(reversed(rows(200)))), "jsonl")
    assert verdict.candidates[0].cells[0].ties == 200


def test_clusters_are_betting_units(logs):
    clustered = [{**row, "cluster": f"h{i // 4}"} for i, row in enumerate(rows(200))]
    cell = decide_logs(*logs(clustered, clustered), "jsonl").candidates[0].cells[0]
    assert (cell.n, cell.n_clusters) == (200, 50)
    assert cell.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r[:-1], "item 'a2' is missing from the candidate's log"),
        (lambda r: [*r, {**r[0], "id": "b"}], "item 'b' is missing from the baseline's log"),
        (lambda r: [*r, r[1]], "item 'a1' comes twice in the candidate's log"),
        (lambda r: [r[0], {**r[1], "score": 1.5}, r[2]], "item 'a1' has the candidate score 1.5"),
        (lambda r: [r[0], {**r[1], "score": float("nan")}, r[2]], "item 'a1' has the candidate score nan"),
        (lambda r: [r[0], {**r[1], "slice": "math"}, r[2]], "item 'a1': the logs differ in its slice"),
        (lambda r: [r[0], {**r[1], "stratum": "x"}, r[2]], "item 'a1': the logs differ in its stratum"),
        (lambda r: [r[0], {**r[1], "cluster": "x"}, r[2]], "item 'a1': the logs differ in its cluster"),
        (lambda r: [r[0], {**r[1], "chance": 0.25}, r[2]], "item 'a1': the logs differ in its chance"),
        (lambda r: [r[0], {**r[1], "chance": 1.25}, r[2]], "item 'a1' has the chance 1.25"),
    ],
)
def test_logs_that_do_not_pair_name_the_first_item(logs, change, message):
    with pytest.raises(IntegrityError, match=message) as caught:
        decide_logs(*logs(rows(3), change(rows(3))), "jsonl")
    assert caught.value.exit_code == 4


def test_a_cell_with_clusters_wants_one_of_every_item(logs):
    some = [{**row, "cluster": "h"} if i else row for i, row in enumerate(rows(3))]
    with pytest.raises(IntegrityError, match="item 'a0' names no cluster"):
        decide_logs(*logs(some, some), "jsonl")


def test_a_cell_has_one_chance(logs):
    mixed = [{**row, "chance": i / 10} for i, row in enumerate(rows(3))]
    with pytest.raises(IntegrityError, match=r"item 'a1' has the chance 0\.1, others of code/all 0\.0"):
        decide_logs(*logs(mixed, mixed), "jsonl")


def test_an_empty_log_decides_nothing(logs):
    with pytest.raises(IntegrityError, match="holds no item"):
        decide_logs(*logs([], []), "jsonl")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"base.jsonl:2 is not valid JSON"),
        ("[1]", r"base.jsonl:2 holds list, not an object"),
        ('{"id": "b", "slice": "c"}', r"base.jsonl:2 has no 'score'"),
        ('{"id": "b", "slice": "c", "score": "1"}', r"base.jsonl:2: 'score' is '1', not a number"),
        ('{"id": "b", "slice": {}, "score": 1}', r"base.jsonl:2: 'slice' is {}, not a text"),
        ('{"id": "b", "slice": "c", "score": 1, "wieght": 2}', r"base.jsonl:2: unknown field 'wieght'"),
    ],
)
def test_a_broken_line_is_named(logs, tmp_path, line, message):
    base, cand = logs(rows(1), rows(1))
    base.write_text(base.read_text() + line + "\n")
    with pytest.raises(ConfigError, match=message):
        decide_logs(base, cand, "jsonl")


def test_an_unknown_format_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(UsageError, match="choose from jsonl, lm-eval, inspect, lighteval"):
        decide_logs(tmp_path, tmp_path, "csv")
    with pytest.raises(ConfigError, match="cannot read"):
        decide_logs(tmp_path / "a", tmp_path / "b", "jsonl")


def test_a_gate_that_names_another_slice_is_refused(logs, tmp_path):
    (tmp_path / "gate.toml").write_text("margin = { math = 0.03 }\n")
    with pytest.raises(ConfigError, match="the gate names 'math'"):
        decide_logs(*logs(rows(3), rows(3)), "jsonl", str(tmp_path / "gate.toml"))


def lm_eval_row(document, kept_by, score, **more):
    return {
        "doc_id": document, "doc": {}, "target": "4", "arguments": {}, "resps": [["4"]], "filtered_resps": ["4"],
        "filter": kept_by, "metrics": ["exact_match"], "doc_hash": f"d{document}", "prompt_hash": f"p{document}",
        "target_hash": "t", "exact_match": score, **more,
    }  # fmt: skip


def test_lm_eval_pairs_by_document_and_filter(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    found = [
        lm_eval_row(i, f, float(f == "flexible-extract")) for i in range(3) for f in ("strict", "flexible-extract")
    ]
    write(folder / "samples_gsm8k_cot_2026-01-02T03-04-05.678901.jsonl", found)
    read = read_lm_eval(folder)
    assert len(read) == len({row.id for row in read}) == 6
    assert {(row.slice, row.stratum) for row in read} == {
        ("gsm8k_cot", "filter=strict"),
        ("gsm8k_cot", "filter=flexible-extract"),
    }
    assert [row.score for row in read] == [0.0, 1.0] * 3


def test_lm_eval_takes_the_metric_that_was_named(tmp_path):
    row = lm_eval_row(0, "none", 1.0, metrics=["acc", "acc_norm"], acc=1.0, acc_norm=0.0)
    log = write(tmp_path / "samples_arc_easy_2026-01-02T03-04-05.678901.jsonl", [row])
    found = read_lm_eval(log, "acc_norm")[0]
    assert (found.score, found.metric, found.stratum) == (0.0, "acc_norm", "all")
    with pytest.raises(ConfigError, match="has the metrics acc, acc_norm; name one with --metric"):
        read_lm_eval(log)
    with pytest.raises(ConfigError, match="has no 'f1'"):
        read_lm_eval(log, "f1")


def test_lm_eval_logs_of_other_prompts_do_not_pair(tmp_path):
    base = write(tmp_path / "samples_a.jsonl", [lm_eval_row(0, "none", 1.0)])
    cand = write(tmp_path / "samples_b.jsonl", [lm_eval_row(0, "none", 1.0, prompt_hash="other")])
    cand = cand.rename(tmp_path / "b.jsonl")
    (tmp_path / "x").mkdir()
    cand = cand.rename(tmp_path / "x/samples_a.jsonl")
    with pytest.raises(IntegrityError, match="item 'a/none/0': the logs differ in its question"):
        decide_logs(base, cand, "lm-eval")


def test_a_folder_without_samples_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no lm-evaluation-harness log"):
        read_lm_eval(tmp_path)


def sample(name, value, epoch=1, **more):
    return {"id": name, "epoch": epoch, "input": "2+2?", "scores": {"match": {"value": value}},
            "output": {"completion": "4"}, **more}  # fmt: skip


def test_inspect_json_and_archive_read_alike(tmp_path):
    samples = [sample(1, "C"), sample(2, "I"), sample(3, 0.5), sample(4, "P")]
    plain = tmp_path / "log.json"
    plain.write_text(json.dumps({"status": "success", "eval": {"task": "sums"}, "samples": samples}))
    archive = tmp_path / "log.eval"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("header.json", json.dumps({"status": "success", "eval": {"task": "sums"}}))
        for each in samples:
            file.writestr(f"samples/{each['id']}_epoch_1.json", json.dumps(each))
    assert read_inspect(plain) == read_inspect(archive)
    assert [(row.id, row.score) for row in read_inspect(plain)] == [
        ("sums/1", 1.0),
        ("sums/2", 0.0),
        ("sums/3", 0.5),
        ("sums/4", 0.5),
    ]


def test_inspect_epochs_are_clusters(tmp_path):
    log = tmp_path / "log.json"
    log.write_text(
        json.dumps(
            {"status": "success", "eval": {"task": "sums"}, "samples": [sample("q", "C", 1), sample("q", "I", 2)]}
        )
    )
    assert [(row.id, row.cluster) for row in read_inspect(log)] == [("sums/q/1", "q"), ("sums/q/2", "q")]


@pytest.mark.parametrize(
    ("broken", "error", "message"),
    [
        (sample("q", "C", error={"message": "x"}), IntegrityError, "item 'sums/q' ended in an error"),
        (sample("q", "C", scores={}), IntegrityError, "item 'sums/q' was not scored"),
        (sample("q", "maybe"), ConfigError, "scorer 'match' gave 'maybe'"),
        (
            sample("q", "C", scores={"a": {"value": 1}, "b": {"value": 0}}),
            ConfigError,
            "has the scorers a, b; name one",
        ),
    ],
)
def test_inspect_samples_that_cannot_be_compared_are_named(tmp_path, broken, error, message):
    log = tmp_path / "log.json"
    log.write_text(json.dumps({"status": "success", "eval": {"task": "sums"}, "samples": [broken]}))
    with pytest.raises(error, match=message):
        read_inspect(log)


@pytest.mark.parametrize("status", ["started", "cancelled", "error"])
def test_an_inspect_log_that_did_not_finish_is_refused(tmp_path, status):
    log = tmp_path / "log.json"
    log.write_text(json.dumps({"status": status, "eval": {"task": "sums"}, "samples": [sample("q", "C")]}))
    with pytest.raises(IntegrityError, match=f"has the status '{status}'"):
        read_inspect(log)


def test_scores_of_different_metrics_do_not_pair(tmp_path):
    logs = []
    for name in ("match", "includes"):
        log = tmp_path / f"{name}.json"
        row = sample("q", None, scores={name: {"value": "C"}})
        log.write_text(json.dumps({"status": "success", "eval": {"task": "sums"}, "samples": [row]}))
        logs.append(log)
    with pytest.raises(IntegrityError, match=r"the logs differ in its metric \('match' against 'includes'\)"):
        decide_logs(*logs, "inspect")


def test_lighteval_details_of_both_layouts_read_alike(tmp_path):
    new = tmp_path / "details_leaderboard|gsm8k|5_2026-01-02T03-04-05.678901.parquet"
    pq.write_table(
        pa.Table.from_pylist([{"doc": {"id": str(i), "query": f"q{i}"}, "metric": {"em": i / 2}} for i in range(3)]),
        new,
    )
    old = tmp_path / "details_old.parquet"
    pq.write_table(pa.Table.from_pylist([{"full_prompt": f"q{i}", "metrics": {"em": i / 2}} for i in range(3)]), old)
    first, second = read_lighteval(new), read_lighteval(old)
    assert [row.score for row in first] == [row.score for row in second] == [0.0, 0.5, 1.0]
    assert [row.asked for row in first] == [row.asked for row in second]
    assert first[0].slice == "leaderboard|gsm8k|5"
    assert len(read_lighteval(tmp_path)) == 6


def test_lighteval_wants_one_metric(tmp_path):
    file = tmp_path / "details_t.parquet"
    pq.write_table(pa.Table.from_pylist([{"metric": {"em": 1.0, "f1": 0.5}}]), file)
    with pytest.raises(ConfigError, match="has the metrics em, f1; name one with --metric"):
        read_lighteval(file)
    assert read_lighteval(file, "f1")[0].score == 0.5
    (tmp_path / "details_bad.parquet").write_text("nothing")
    with pytest.raises(ConfigError, match="cannot read"):
        read_lighteval(tmp_path / "details_bad.parquet")


@pytest.fixture
def real_log(repo_root):
    """Written by Inspect itself, five samples of a scripted solver; its members are packed with Zstandard."""
    return repo_root / "tests/golden/interop/inspect.eval"


def test_a_log_that_inspect_wrote_is_read(real_log):
    assert [(row.id, row.score) for row in read_inspect(real_log)] == [
        (f"sums/s{i}", float(i % 2 == 0)) for i in range(5)
    ]
    assert read_inspect(real_log)[1].text == "99"


def test_a_damaged_inspect_log_is_named(real_log, tmp_path):
    data = bytearray(real_log.read_bytes())
    at = data.index(b"samples/s0_epoch_1.json") + 60  # within the packed bytes of the first sample
    data[at : at + 8] = bytes(8)
    (tmp_path / "log.eval").write_bytes(data)
    with pytest.raises(ConfigError, match=r"cannot read samples/s0_epoch_1\.json"):
        read_inspect(tmp_path / "log.eval")


def test_a_log_that_lm_eval_wrote_is_read(repo_root):
    """Six documents, its `dummy` model, lm_eval 0.4.13."""
    folder = repo_root / "tests/golden/interop"
    assert [row.id for row in read_lm_eval(folder, "acc")] == [f"sums/none/{i}" for i in range(6)]
    assert [row.score for row in read_lm_eval(folder, "acc_norm")] == [1.0, 0.0, 1.0, 0.0, 0.0, 0.0]
