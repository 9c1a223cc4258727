"""Inspect: `.eval` archives and JSON logs, one row per sample and epoch."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tailgate.errors import ConfigError, IntegrityError
from tailgate.interop.files import as_object, field, parse
from tailgate.interop.rows import LogRow

LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}  # correct, partial, incorrect, no answer
LARGEST_SAMPLE = 64 << 20  # bytes unpacked: a log holds text, and an archive may claim anything
ZSTD = 93  # compression method of a zip member
LOCAL_HEADER = struct.Struct("<4s5H3I2H")  # of a zip member; the last two: lengths of the name and of the extra field


def read_inspect(path: Path, metric: str | None = None) -> list[LogRow]:
    """Rows of a log; the task is the slice. Epochs of one sample are a cluster.

    Parameters
    ----------
    metric : str, optional
        The scorer whose value is the score; without it the only one there is.

    Raises
    ------
    ConfigError
        The file is no Inspect log, or its samples have several scorers and none was named.
    IntegrityError
        The evaluation did not end in success, or a sample ended in an error or was not scored.
    """
    task, samples = _read(path)
    found = list(samples)
    epochs = max((int(sample.get("epoch", 1)) for _, sample in found), default=1)
    return [_row(sample, task, metric, epochs, where) for where, sample in found]


def _read(path: Path) -> tuple[str, Iterator[tuple[str, dict[str, Any]]]]:
    if not path.is_file():
        raise ConfigError(f"no Inspect log {path}; give an .eval or .json file")
    if zipfile.is_zipfile(path):
        header = as_object(parse(_member(path, "header.json"), f"{path}:header.json"), f"{path}:header.json")
        return _finished_task(header, path), _archived(path)
    try:
        log = as_object(parse(path.read_bytes(), str(path)), str(path))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    samples = field(log, "samples", str(path)) or []
    return _finished_task(log, path), ((f"{path}:samples[{i}]", as_object(s, str(path))) for i, s in enumerate(samples))


def _finished_task(header: Mapping[str, Any], path: Path) -> str:
    if (status := field(header, "status", str(path))) != "success":
        raise IntegrityError(f"{path} has the status '{status}'; finish the evaluation before comparing")
    return str(field(as_object(field(header, "eval", str(path)), str(path)), "task", str(path)))


def _archived(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with zipfile.ZipFile(path) as archive:
        names = sorted(n for n in archive.namelist() if n.startswith("samples/") and n.endswith(".json"))
    for name in names:
        where = f"{path}:{name}"
        yield where, as_object(parse(_member(path, name), where), where)


def _member(path: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            entry = archive.getinfo(name)
            if entry.file_size > LARGEST_SAMPLE:
                raise ConfigError(f"{name} in {path} is larger than {LARGEST_SAMPLE >> 20} MiB; is it an Inspect log?")
            return _zstd_member(path, entry) if entry.compress_type == ZSTD else archive.read(entry)
    except (OSError, KeyError, EOFError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ConfigError(f"cannot read {name} in {path}: {error}; convert the log to JSON with inspect") from error


def _zstd_member(path: Path, entry: zipfile.ZipInfo) -> bytes:
    """A member that zipfile cannot unpack before Python 3.14: Inspect writes Zstandard."""
    import pyarrow as pa

    with path.open("rb") as file:
        file.seek(entry.header_offset)
        header = file.read(LOCAL_HEADER.size)
        if len(header) < LOCAL_HEADER.size:
            raise zipfile.BadZipFile(f"the header of {entry.filename} is cut off")
        *_, name_length, extra_length = LOCAL_HEADER.unpack(header)
        file.seek(name_length + extra_length, 1)
        packed = file.read(entry.compress_size)
    data: bytes = pa.decompress(packed, decompressed_size=entry.file_size, codec="zstd", asbytes=True)
    if zlib.crc32(data) != entry.CRC:
        raise zipfile.BadZipFile(f"{entry.filename} is damaged")
    return data


def _row(sample: Mapping[str, Any], task: str, metric: str | None, epochs: int, where: str) -> LogRow:
    name, epoch = str(field(sample, "id", where)), int(sample.get("epoch", 1))
    item = f"{task}/{name}/{epoch}" if epochs > 1 else f"{task}/{name}"
    if sample.get("error"):
        raise IntegrityError(f"item '{item}' ended in an error; run it again before comparing")
    scorer, score = _score(sample, metric, item, where)
    return LogRow(
        id=item,
        slice=task,
        score=score,
        metric=scorer,
        cluster=name if epochs > 1 else None,
        text=str(as_object(sample.get("output") or {}, where).get("completion", "")),
        asked=_question(sample.get("input")),
    )


def _question(asked: Any) -> str:
    """A prompt, or the roles and texts of a chat; message ids differ from run to run."""
    if not isinstance(asked, list):
        return str(asked)
    return json.dumps(
        [[part.get("role"), part.get("content")] for part in asked if isinstance(part, dict)], default=str
    )


def _score(sample: Mapping[str, Any], metric: str | None, item: str, where: str) -> tuple[str, float]:
    """The scorer's name and its value."""
    scores = sample.get("scores")
    if not scores:
        raise IntegrityError(f"item '{item}' was not scored; score the log before comparing")
    if metric is None and len(scores) > 1:
        raise ConfigError(f"{where} has the scorers {', '.join(scores)}; name one with --metric")
    scorer = metric or next(iter(scores))
    value = field(as_object(field(scores, scorer, where), where), "value", where)
    if isinstance(value, str) and value in LETTERS:
        return scorer, LETTERS[value]
    if isinstance(value, (bool, int, float)):
        return scorer, float(value)
    raise ConfigError(f"{where}: scorer '{scorer}' gave {value!r:.80}; only numbers and C, P, I, N can be compared")
