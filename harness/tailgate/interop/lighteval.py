"""lighteval: the parquet files with a task's details, one row per document, in the order of the task."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tailgate.errors import ConfigError
from tailgate.interop.files import field, files_of, number
from tailgate.interop.rows import LogRow

DETAILS = re.compile(r"details_(?P<task>.+?)(?:_\d{4}-\d\d-\d\dT[\d.:-]+)?\.parquet")
METRICS = ("metric", "metrics", "__metrics__")  # by version of lighteval
PROMPTS = ("full_prompt", "__full_prompt__", "example")


def read_lighteval(path: Path, metric: str | None = None) -> list[LogRow]:
    """Rows of a details file, or of all details files in a folder: the task is the slice.

    Parameters
    ----------
    metric : str, optional
        The metric that is the score; without it the only one there is.

    Raises
    ------
    ConfigError
        The file is no details file, or it has several metrics and none was named.
    """
    return [row for file in files_of(path, "details_*.parquet", "lighteval") for row in _rows(file, metric)]


def _rows(file: Path, metric: str | None) -> list[LogRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    match = DETAILS.fullmatch(file.name)
    task = match["task"] if match else file.stem
    try:
        # One file: given a folder name with "=" in it, a data set reader would invent columns.
        table = pq.ParquetFile(file).read()
    except (pa.ArrowInvalid, OSError) as error:
        raise ConfigError(f"cannot read {file}: {str(error).splitlines()[0]}") from error
    return [_row(row, task, i, metric, f"{file}:row {i}") for i, row in enumerate(table.to_pylist())]


def _row(row: Mapping[str, Any], task: str, index: int, metric: str | None, where: str) -> LogRow:
    column = next((name for name in METRICS if isinstance(row.get(name), Mapping)), None)
    if column is None:
        raise ConfigError(f"{where} has no metrics; it has {', '.join(row)}")
    scores = {name: value for name, value in row[column].items() if value is not None}
    if metric is None and len(scores) != 1:
        raise ConfigError(f"{where} has the metrics {', '.join(scores) or 'none'}; name one with --metric")
    name = metric or next(iter(scores))
    document = row["doc"] if isinstance(row.get("doc"), Mapping) else {}
    asked = document.get("query") or next((row[key] for key in PROMPTS if row.get(key)), None)
    return LogRow(
        id=f"{task}/{document.get('id') or index}",
        slice=task,
        score=number(field(scores, name, where), name, where),
        metric=name,
        asked=None if asked is None else hashlib.sha256(str(asked).encode()).hexdigest(),
    )
