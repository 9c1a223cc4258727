"""lm-evaluation-harness: the files that `--log_samples` writes, one row per document and filter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tailgate.errors import ConfigError
from tailgate.interop.files import field, files_of, json_lines, number
from tailgate.interop.rows import WHOLE, LogRow

SAMPLES = re.compile(r"samples_(?P<task>.+?)(?:_\d{4}-\d\d-\d\dT[\d.:-]+)?\.jsonl")


def read_lm_eval(path: Path, metric: str | None = None) -> list[LogRow]:
    """Rows of a samples file, or of all samples files in a folder: the task is the slice, the filter the stratum.

    Parameters
    ----------
    metric : str, optional
        The metric that is the score; without it the only one that the row lists.

    Raises
    ------
    ConfigError
        No samples file is there, a row lacks what such files have, or it lists several metrics and none was named.
    """
    rows = []
    for file in files_of(path, "samples_*.jsonl", "lm-evaluation-harness"):
        match = SAMPLES.fullmatch(file.name)
        task = match["task"] if match else file.stem
        rows += [_row(row, task, metric, where) for where, row in json_lines(file)]
    return rows


def _row(row: Mapping[str, Any], task: str, metric: str | None, where: str) -> LogRow:
    listed = field(row, "metrics", where) if metric is None else [metric]
    if len(listed) != 1:
        raise ConfigError(f"{where} has the metrics {', '.join(map(str, listed)) or 'none'}; name one with --metric")
    name = str(listed[0])
    kept_by = str(row.get("filter", "none"))
    document = field(row, "doc_id", where)
    answers = row.get("filtered_resps") or row.get("resps") or [""]
    return LogRow(
        id=f"{task}/{kept_by}/{document}",
        slice=task,
        stratum=WHOLE if kept_by == "none" else f"filter={kept_by}",
        score=number(field(row, name, where), name, where),
        text=answers[0] if isinstance(answers[0], str) else "",
        asked=row.get("prompt_hash") or row.get("doc_hash"),
        metric=name,
    )
