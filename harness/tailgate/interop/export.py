"""A run's verdict in the words of other tools: an lm-evaluation-harness result, a model card, a tracker's metrics.

Each is made of scores that another tool would have reported, and of what it would not have: paired deltas with bounds.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailgate.errors import MissingPackageError, SetupError
from tailgate.records import CandidateVerdict, CellVerdict, RunVerdict
from tailgate.store.files import write_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A run to be told elsewhere, and the folder that what is written goes to."""

    verdict: RunVerdict
    manifest: Mapping[str, Any]
    out: Path


def export_lm_eval(run: Exported) -> list[Path]:
    """A ``results_<side>.json`` for the baseline and for each candidate, as lm-evaluation-harness writes them."""
    sides: dict[str, tuple[str, tuple[CellVerdict, ...], Callable[[CellVerdict], float | None]]] = {}
    for each in run.verdict.candidates:
        sides.setdefault("baseline", (each.baseline, each.cells, lambda cell: cell.baseline_score))
    for number, each in enumerate(run.verdict.candidates, 1):
        sides[f"candidate_{number}"] = (each.candidate, each.cells, lambda cell: cell.candidate_score)
    return [
        _write(run.out / f"results_{name}.json", _lm_eval(run, model, cells, score))
        for name, (model, cells, score) in sides.items()
    ]


def _lm_eval(
    run: Exported, model: str, cells: tuple[CellVerdict, ...], score: Callable[[CellVerdict], float | None]
) -> dict[str, Any]:
    known = [(f"tailgate_{cell.slice}_{cell.stratum}", cell, score(cell)) for cell in cells]
    results = {
        task: {"alias": str(cell.key), "score,none": value, "score_stderr,none": _standard_error(value, cell.n)}
        for task, cell, value in known
        if value is not None
    }
    counted = {task: {"original": cell.n, "effective": cell.n} for task, cell, value in known if value is not None}
    return {
        "results": results,
        "configs": {task: {"task": task, "output_type": "generate_until", "num_fewshot": 0} for task in results},
        "versions": {task: _slice_version(run.manifest, cell.slice) for task, cell, _ in known if task in results},
        "n-shot": dict.fromkeys(results, 0),
        "higher_is_better": {task: {"score": True} for task in results},
        "n-samples": counted,
        "config": {"model": "tailgate", "model_args": model, "random_seed": _of(run.manifest, "suite", "seed")},
        "model_name": model,
        "date": run.manifest.get("created_utc"),
    }


def _standard_error(score: float, n: int) -> float:
    return float((score * (1 - score) / n) ** 0.5) if n else float("nan")


def _slice_version(manifest: Mapping[str, Any], name: str) -> str:
    return str(_of(manifest, "slices", name) or "unknown")


def _of(manifest: Mapping[str, Any], section: str, name: str) -> Any:
    found = manifest.get(section)
    return found.get(name) if isinstance(found, Mapping) else None


def export_model_card(run: Exported) -> list[Path]:
    """A ``model_card_<n>.md`` for each candidate, whose front matter is a Hugging Face ``model-index``."""
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    written = []
    for number, candidate in enumerate(run.verdict.candidates, 1):
        results = [
            EvalResult(
                task_type="text-generation",
                dataset_type=f"tailgate/{cell.slice}",
                dataset_name=cell.slice,
                dataset_config=cell.stratum,
                dataset_args={"n": cell.n, "suite": _of(run.manifest, "suite", "name")},
                metric_type=kind,
                metric_name=name,
                metric_value=value,
            )
            for cell in candidate.cells
            for kind, name, value in _card_metrics(cell)
        ]
        data = ModelCardData(base_model=candidate.baseline, model_name=candidate.candidate, eval_results=results)
        file = run.out / f"model_card_{number}.md"
        write_text(file, str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{_card_words(candidate)}")))
        written.append(file)
    return written


def _card_metrics(cell: CellVerdict) -> Iterator[tuple[str, str, float]]:
    if cell.candidate_score is not None:
        yield "score", "score", cell.candidate_score
    if cell.delta is not None:
        yield "paired_delta", "change against the parent", cell.delta
        yield "paired_delta_low", "lower bound of the change, valid at any stopping time", cell.low


def _card_words(candidate: CandidateVerdict) -> str:
    return (
        f"# {candidate.candidate}\n\nCompared with its parent `{candidate.baseline}` by tailgate, item by item: "
        f"**{candidate.decision}**. {'. '.join(candidate.reasons)}\n"
    )


def metrics(candidate: CandidateVerdict) -> dict[str, float]:
    """The numbers of a candidate by name, for a tracker; cells without items have none."""
    found = {
        f"{_plain(str(cell.key))}/{name}": value
        for cell in candidate.cells
        for name, value in (
            ("delta", cell.delta),
            ("low", cell.low),
            ("high", cell.high),
            ("baseline", cell.baseline_score),
            ("candidate", cell.candidate_score),
            ("n", float(cell.n)),
        )
        if value is not None and cell.n
    }
    if candidate.overall.delta is not None:
        found["overall/delta"] = candidate.overall.delta
    return found


def _plain(name: str) -> str:
    """A name in the signs that all trackers take."""
    return "".join(sign if sign.isalnum() or sign in "_-./" else "_" for sign in name)


def _labels(run: Exported, candidate: CandidateVerdict) -> dict[str, str]:
    labels = {"baseline": candidate.baseline, "candidate": candidate.candidate, "decision": candidate.decision}
    return {**labels, "suite": str(_of(run.manifest, "suite", "name")), "gate_sha256": run.verdict.gate_sha256}


def export_mlflow(run: Exported) -> list[Path]:
    """A run of MLflow for each candidate, in the experiment ``tailgate`` of a database in the folder."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        import mlflow
    except ImportError as error:
        raise _missing("mlflow") from error
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{run.out / 'mlflow.db'}")
    found = client.get_experiment_by_name("tailgate")
    experiment = found.experiment_id if found else client.create_experiment("tailgate")
    for candidate in run.verdict.candidates:
        made = client.create_run(experiment, tags=_labels(run, candidate), run_name=candidate.candidate)
        for name, value in metrics(candidate).items():
            client.log_metric(made.info.run_id, name, value)
        client.set_terminated(made.info.run_id)
    return [run.out / "mlflow.db"]


def export_wandb(run: Exported) -> list[Path]:
    """An offline run of Weights & Biases for each candidate; `wandb sync` sends it."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    try:
        import wandb
    except ImportError as error:
        raise _missing("wandb") from error
    written = []
    for candidate in run.verdict.candidates:
        with wandb.init(
            project="tailgate", dir=str(run.out), mode="offline", name=candidate.candidate, reinit="finish_previous",
            config=_labels(run, candidate), settings=wandb.Settings(console="off", silent=True),
        ) as made:  # fmt: skip
            made.log(metrics(candidate))
            written.append(Path(made.dir).parent)
    return written


# Variables that make trackio send what it is told.
TRACKIO_SENDS = (
    "TRACKIO_SPACE_ID",
    "TRACKIO_SERVER_URL",
    "TRACKIO_BUCKET_ID",
    "TRACKIO_DATASET_ID",
    "TRACKIO_WEBHOOK_URL",
)


def export_trackio(run: Exported) -> list[Path]:
    """A local run of trackio for each candidate, in a folder that `TRACKIO_DIR` names when it is shown."""
    if sent := sorted(name for name in TRACKIO_SENDS if os.environ.get(name)):
        raise SetupError(
            f"{sent[0]} is set, by which trackio would send the run away; unset it, nothing is sent from here"
        )
    os.environ["TRACKIO_DIR"] = str(run.out / "trackio")  # read where trackio is imported
    try:
        import trackio
    except ImportError as error:
        raise _missing("trackio") from error
    quiet = {"embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
    with contextlib.redirect_stdout(sys.stderr):  # it greets
        for candidate in run.verdict.candidates:
            made = trackio.init(project="tailgate", name=candidate.candidate, config=_labels(run, candidate), **quiet)
            made.log(metrics(candidate))
            made.finish()
    written = run.out / "trackio" / "tailgate.db"
    if not written.is_file():
        raise SetupError(
            f"trackio wrote elsewhere than {written.parent}; export from a process that has not used it yet"
        )
    return [written]


def _missing(package: str) -> MissingPackageError:
    return MissingPackageError(
        f"the export needs {package}, which is not installed; run: pip install 'tailgate[export]'"
    )


TARGETS: Mapping[str, Callable[[Exported], list[Path]]] = {
    "lm-eval": export_lm_eval,
    "model-card": export_model_card,
    "mlflow": export_mlflow,
    "wandb": export_wandb,
    "trackio": export_trackio,
}


def export(run: Exported, target: str) -> list[Path]:
    """Write a run for another tool; returns what was written.

    Raises
    ------
    SetupError
        The folder cannot be made.
    MissingPackageError
        The package of that tool is not installed.
    """
    try:
        run.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"cannot make {run.out}: {error.strerror}; choose another --out") from error
    return TARGETS[target](run)


def _write(path: Path, data: Mapping[str, Any]) -> Path:
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    return path
