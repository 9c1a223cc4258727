"""A comparison that runs every night: never twice at once, resumed after a crash, logged, and told to a channel."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from tailgate.config import NightlyConfig, load_nightly_config
from tailgate.errors import ConfigError, OutputError, RunFolderError, SetupError, TailgateError
from tailgate.ops.webhook import check_address, post_message
from tailgate.pipeline.compare import compare_variants
from tailgate.pipeline.options import CompareOptions, options_from_table
from tailgate.records import RunVerdict
from tailgate.store.run_folder import read_manifest

RUNS, LOG, LOCK = "runs", "nightly.log", "nightly.lock"
LOG_BYTES, LOGS_KEPT = 1_000_000, 7
UNFINISHED = ("starting", "running")
ABANDONED = ".abandoned"  # marks a run that will not be gone on with


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """How a night ended: the exit code, a line for people, and where the run lies, if it got that far."""

    exit_code: int
    line: str
    path: Path | None


class LogObserver:
    """An observer of a run that writes to a log: its stages and its notes, not every answer."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def note(self, text: str) -> None:
        """Write a line."""
        self._log.info("%s", text)

    def stage(self, name: str, total: int | None) -> None:
        """Write that a stage begins."""
        self._log.info("%s%s", name, f": at most {total} answers" if total else "")

    def advance(self, n: int) -> None:
        """Say nothing: a night has thousands of answers."""


def run_nightly(config_file: Path) -> Night:
    """Run the comparison of a nightly file, or go on with the one that a crash interrupted.

    Returns
    -------
    Night. A user's error and a failed run are a night too: its line says what went wrong and its exit code is that of
    the error, so that the channel hears of it.

    Raises
    ------
    ConfigError
        The file is wrong, or its webhook's variable is not set.
    SetupError
        Another night is still running.
    OutputError
        The folder cannot be written.
    """
    config = load_nightly_config(config_file)
    address = _address(config)
    folder = _folder(config, config_file)
    with _only_one(folder), _log_of(folder) as log:
        log.info("nightly %s begins", config_file.name)
        night = _guarded(config, folder, log)
        _prune(folder, config.keep_days, log)
        log.info("%s", night.line)
        if address is not None and (trouble := post_message(address, night.line)):
            log.error("%s", trouble)
            night = replace(night, line=f"{night.line} ({trouble})")
    return night


def _address(config: NightlyConfig) -> str | None:
    if config.webhook_env is None:
        return None
    found = os.environ.get(config.webhook_env)
    if not found:
        raise ConfigError(f"webhook_env = {config.webhook_env}, but that variable is not set; set it or leave the key")
    return check_address(found)


def _folder(config: NightlyConfig, config_file: Path) -> Path:
    """The nightly folder; a relative one lies beside the file that names it, wherever the job was started."""
    folder = config_file.resolve().parent / config.folder
    try:
        (folder / RUNS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}; choose another folder") from error
    return folder


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SetupError(f"another nightly run holds {folder / LOCK}; wait for it or stop it") from error
        yield


@contextmanager
def _log_of(folder: Path) -> Iterator[logging.Logger]:
    handler = RotatingFileHandler(folder / LOG, maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, encoding="utf-8")
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    log = logging.Logger("tailgate.nightly", logging.INFO)
    log.addHandler(handler)
    try:
        yield log
    finally:
        handler.close()


def _guarded(config: NightlyConfig, folder: Path, log: logging.Logger) -> Night:
    """The night's run; whatever goes wrong becomes a line and an exit code, never a silent night."""
    try:
        return _run(config, folder, log)
    except TailgateError as error:
        return Night(exit_code=error.exit_code, line=f"nightly {folder.name}: no verdict: {error}", path=None)
    except Exception as error:
        log.exception("unexpected error")
        line = f"nightly {folder.name}: no verdict: unexpected {type(error).__name__}: {error}; see {folder / LOG}"
        return Night(exit_code=SetupError.exit_code, line=" ".join(line.split()), path=None)


def _run(config: NightlyConfig, folder: Path, log: logging.Logger) -> Night:
    options = _options(config)
    observer = LogObserver(log)
    if (unfinished := _unfinished(folder)) is not None:
        log.info("going on with %s", unfinished)
        try:
            result = compare_variants(_resuming(options, unfinished), observer)
            return _night(folder, result.path, result.verdict)
        except RunFolderError as error:  # begun with another suite, model or version: it cannot be finished any more
            log.warning("%s is left as it is: %s", unfinished, error)
            (unfinished / ABANDONED).touch()
    result = compare_variants(replace(options, out=_new_run(folder)), observer)
    return _night(folder, result.path, result.verdict)


def _new_run(folder: Path) -> Path:
    """A folder named by the time; runs sort by it."""
    return folder / RUNS / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def _options(config: NightlyConfig) -> CompareOptions:
    table = config.run.model_dump(exclude_none=True)
    if "out" in table:
        raise ConfigError("run.out is set, but a nightly run chooses its own folder; leave it out")
    return options_from_table(table)


def _resuming(options: CompareOptions, unfinished: Path) -> CompareOptions:
    """The options of the interrupted run; the file's, should it have changed since, are for the next night."""
    earlier = CompareOptions.from_manifest(read_manifest(unfinished), unfinished)
    return replace(earlier, budget_s=options.budget_s)


def _unfinished(folder: Path) -> Path | None:
    """The newest run, if it was interrupted and can be gone on with."""
    runs = sorted((folder / RUNS).iterdir())
    newest = runs[-1] if runs else None
    if newest is None or (newest / ABANDONED).exists():
        return None
    try:
        status = read_manifest(newest).get("status")
    except RunFolderError:
        return None
    return newest if status in UNFINISHED else None


def _night(folder: Path, path: Path, verdict: RunVerdict) -> Night:
    return Night(exit_code=verdict.exit_code, line=summary_line(folder.name, verdict, path), path=path)


def summary_line(name: str, verdict: RunVerdict, path: Path) -> str:
    """One line for a log, a terminal or a channel: the decision, each candidate, its worst cell, and the report."""
    parts = []
    for each in verdict.candidates:
        worst = each.overall.worst_cell
        cell = next((cell for cell in each.cells if str(cell.key) == worst), None)
        moved = f", worst {worst} {100 * cell.delta:+.1f} points" if cell and cell.delta is not None else ""
        parts.append(f"{each.candidate} {each.decision}{moved}")
    return f"nightly {name}: {verdict.decision}: {'; '.join(parts) or 'controls only'} ({path / 'report.html'})"


def _prune(folder: Path, keep_days: int, log: logging.Logger) -> None:
    """Delete finished and abandoned runs that began more than `keep_days` days ago; the newest always stays."""
    runs: list[Path] = sorted((folder / RUNS).iterdir())
    for path in runs[:-1]:
        if time.time() - path.stat().st_mtime > keep_days * 86_400:
            _delete(path, log)


def _delete(path: Path, log: logging.Logger) -> None:
    """Delete a run; a folder that cannot be deleted costs disk, not the night's verdict."""
    try:
        shutil.rmtree(path)
        log.info("deleted %s: kept long enough", path)
    except OSError as error:
        log.error("cannot delete %s: %s", path, error)


def describe_night(night: Night) -> dict[str, Any]:
    """A night as JSON."""
    return {"exit_code": night.exit_code, "line": night.line, "run": str(night.path) if night.path else None}
