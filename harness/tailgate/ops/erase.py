"""Erase what is kept of one person: texts go, anonymous outcomes stay, so that every verdict can still be recomputed.

A subject is an id that own prompts carry in their column ``subject``, or that a client of the server names.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tailgate.errors import OutputError, TailgateError, UsageError
from tailgate.pipeline.reports import write_reports
from tailgate.records import PairedOutcome
from tailgate.report.render import FORMATS, file_name
from tailgate.store.run_folder import NOISE, OUTCOMES, POSITIVE, read_outcomes, write_outcomes
from tailgate.store.shadow import ShadowStore, holds_shadow
from tailgate.store.transcripts import Store

ERASED = '{"erased": true}'
UNREACHED = (
    "the files that the prompts were read from",
    "run folders that this store's history does not list: pruned ones, those of other stores; name them with --run",
    "copies of run folders and reports, and what was exported from them",
    "what a disk or a backup keeps of deleted files",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What was removed where."""

    where: str
    what: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What an erasure did, and what it cannot reach."""

    subject: str
    removed: tuple[Removed, ...]
    unreached: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """The receipt as JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The receipt for a terminal."""
        done = [f"removed {each.n:,} {each.what} from {each.where}" for each in self.removed]
        return [
            *(done or [f"nothing is kept of '{self.subject}'"]),
            *(f"not reached: {each}" for each in self.unreached),
        ]


def erase(subject: str, store_dir: Path, runs: Sequence[Path] = (), shadows: Sequence[Path] = ()) -> Receipt:
    """Erase a subject from a store, the run folders it knows, further run folders, and shadow stores.

    Stored answers to the subject's prompts go, whoever else asked the same: they are computed again when needed.
    Reports of the runs are written again. Whatever ends it in the middle, the command may be run again.

    Raises
    ------
    UsageError
        The subject is empty, or a folder is not there.
    OutputError
        Something could not be erased; the rest was.
    """
    _check(subject, store_dir, runs, shadows)
    store = Store(store_dir)
    try:
        known = sorted({Path(each.path) for each in store.runs.all()})
        removed = _counted(str(store.folder), "stored answers", store.forget(subject))
    finally:
        store.close()
    failed: list[str] = []
    for folder in shadows:
        removed += _erase_from_shadow(folder, subject)
    for run in sorted({each for each in known if (each / OUTCOMES).is_file()} | {each.resolve() for each in runs}):
        try:
            removed += _erase_from_run(run, subject)
        except TailgateError as error:
            failed.append(f"{run}: {error}")
    if failed:
        raise OutputError(f"not erased from {'; '.join(failed)}; mend or delete these folders and run it again")
    missing = [each for each in known if not (each / OUTCOMES).is_file()]
    gone = tuple(f"the run folder {each}, which holds no {OUTCOMES}" for each in missing)
    return Receipt(subject=subject, removed=tuple(removed), unreached=(*gone, *UNREACHED))


def _check(subject: str, store_dir: Path, runs: Sequence[Path], shadows: Sequence[Path]) -> None:
    if not subject.strip():
        raise UsageError("--subject is empty; give the id as the prompts or the clients wrote it")
    if not store_dir.is_dir():
        raise UsageError(f"no store {store_dir}; give the folder of one with --store, or set TAILGATE_STORE")
    for run in runs:
        if not (run / OUTCOMES).is_file():
            raise UsageError(f"--run {run}: no {OUTCOMES} in it; give the folder of a finished run")
    for folder in shadows:
        if not holds_shadow(folder):
            raise UsageError(f"--shadow-dir {folder}: no shadow store in it; give the folder that serve wrote")


def _counted(where: str, what: str, n: int) -> list[Removed]:
    return [Removed(where=where, what=what, n=n)] if n else []


def _erase_from_run(run: Path, subject: str) -> list[Removed]:
    """Blank the subject's rows in all tables of a run, and write its reports again.

    Reports go first: a run that was blanked and still has a report with texts would look finished to the next attempt.
    """
    tables = {name: read_outcomes(run, name) for name in (OUTCOMES, NOISE, POSITIVE) if (run / name).is_file()}
    rows = [each for table in tables.values() for each in table if _is_of(each, subject)]
    if not rows:
        return []
    written = [form for form in FORMATS if (run / file_name(form)).is_file()]
    for form in written:
        (run / file_name(form)).unlink()
    mark = secrets.token_hex(4)  # of this erasure, so that those of several subjects stay apart
    names = _anonymous((each.item_id for each in rows), mark)
    clusters = _anonymous((each.cluster for each in rows if each.cluster is not None), mark)
    for name, table in tables.items():
        write_outcomes(run, [_blank(each, subject, names, clusters) for each in table], name)
    write_reports(run, written)
    return _counted(str(run), "paired answers with their prompts", len(rows))


def _is_of(outcome: PairedOutcome, subject: str) -> bool:
    attributes = json.loads(outcome.attributes or "{}")
    return isinstance(attributes, dict) and attributes.get("subject_id") == subject


def _anonymous(names: Iterable[str], mark: str) -> dict[str, str]:
    return {name: f"erased-{mark}-{number}" for number, name in enumerate(dict.fromkeys(names))}


def _blank(
    outcome: PairedOutcome, subject: str, names: Mapping[str, str], clusters: Mapping[str, str]
) -> PairedOutcome:
    """A row without what tells of the subject; rows of others keep all but the name of a cluster that they share."""
    if outcome.cluster is not None:
        outcome = replace(outcome, cluster=clusters.get(outcome.cluster, outcome.cluster))
    if not _is_of(outcome, subject):
        return outcome
    return replace(
        outcome,
        item_id=names[outcome.item_id],
        prompt="",
        reference="",
        baseline_text="",
        candidate_text="",
        baseline_divergence_char=None,
        candidate_divergence_char=None,
        token_surprise=None,
        attributes=ERASED,
    )


def _erase_from_shadow(folder: Path, subject: str) -> list[Removed]:
    store = ShadowStore.existing(folder)
    try:
        return _counted(str(folder), "verified answers", store.forget(subject))
    finally:
        store.close()
