"""Follow a model over nights: runs, one cell through all of them, two runs side by side, blessed baselines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from tailgate.errors import UsageError
from tailgate.pipeline.manifest import Frozen, utc_now
from tailgate.records import CandidateVerdict, CellDecision, RunVerdict
from tailgate.report import text
from tailgate.report.trends import TrendLine, TrendPage, TrendPoint, worst_last
from tailgate.store.runs import Blessed, RunCell, RunRecord, Runs
from tailgate.store.transcripts import Store
from tailgate_slices.registry import get_slice

INCOMPARABLE = frozenset({"baseline", "slice version"})  # no line is drawn across a change of these
NAME_LENGTH = 12  # of a run; a prefix that is unique will do


def record_run(frozen: Frozen, manifest: Mapping[str, Any], verdict: RunVerdict, path: Path) -> list[str]:
    """Keep a finished run; returns what is to be said of its baseline.

    Raises
    ------
    OutputError
        The store cannot be written.
    """
    runs, baseline = frozen.baseline.store.runs, frozen.baseline
    asked = f"{frozen.sha256}\x1f{manifest['created_utc']}"
    name = hashlib.sha256(asked.encode()).hexdigest()[:NAME_LENGTH]
    noise = verdict.noise_floor or {}
    record = RunRecord(
        run=name,
        created_utc=manifest["created_utc"],
        path=str(path.resolve()),
        suite=frozen.suite.name,
        suite_version=frozen.suite.version,
        suite_sha256=frozen.suite.sha256,
        gate_sha256=frozen.gate.sha256,
        engine=f"{baseline.engine_choice.name} {baseline.engine_choice.version}",
        baseline=baseline.variant.spec.text,
        baseline_fingerprint=baseline.facts().fingerprint,
        decision=verdict.decision,
        exit_code=verdict.exit_code,
        noise_items=noise.get("n"),
        noise_discordant=noise.get("discordant"),
    )
    prints = {side.variant.spec.text: side.facts().fingerprint for side in frozen.candidates}
    runs.add(record, [cell for each in verdict.candidates for cell in _cells(name, each, prints[each.candidate])])
    return _blessing_notes(record, runs.blessed())


def _cells(run: str, verdict: CandidateVerdict, fingerprint: str) -> Iterator[RunCell]:
    for cell in verdict.cells:
        yield RunCell(
            run=run,
            candidate=verdict.candidate,
            candidate_fingerprint=fingerprint,
            slice=cell.slice,
            slice_version=get_slice(cell.slice).version,
            stratum=cell.stratum,
            n=cell.n,
            wins=cell.wins,
            losses=cell.losses,
            baseline_score=cell.baseline_score,
            candidate_score=cell.candidate_score,
            delta=cell.delta,
            low=cell.low,
            high=cell.high,
            margin=cell.margin,
            verdict=cell.verdict,
        )


def _blessing_notes(run: RunRecord, blessed: Iterable[Blessed]) -> list[str]:
    expected = next((each for each in blessed if each.baseline == run.baseline), None)
    if expected is None or expected.fingerprint == run.baseline_fingerprint:
        return []
    return [
        f"the baseline '{run.baseline}' is not the blessed one: {run.baseline_fingerprint[:12]}, blessed on "
        f"{expected.blessed_utc[:10]} was {expected.fingerprint[:12]} ({expected.reason})"
    ]


@contextmanager
def open_runs(store: Path) -> Iterator[Runs]:
    """The runs of a store that is there; a mistyped folder is not made.

    Raises
    ------
    UsageError
        There is no such folder.
    """
    if not store.is_dir():
        raise UsageError(f"no store {store}; give the folder of one with --store, or set TAILGATE_STORE")
    opened = Store(store)
    try:
        yield opened.runs
    finally:
        opened.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One cell of one candidate in one run. `breaks`: what changed since its last point, so that no line joins them."""

    run: RunRecord
    cell: RunCell
    breaks: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The point as JSON."""
        return {**asdict(self.run), **asdict(self.cell), "breaks": list(self.breaks)}


def trend(runs: Runs, name: str, limit: int) -> dict[str, list[Point]]:
    """One cell through the last `limit` runs, oldest first, by candidate.

    Raises
    ------
    UsageError
        No run has asked that cell.
    """
    slice_name, _, stratum = name.partition("/")
    found = runs.cells_of(slice_name, stratum)
    if not found:
        raise UsageError(f"no run has asked the cell '{name}'; asked were: {', '.join(runs.cell_names()) or 'none'}")
    points: dict[str, list[Point]] = {}
    for run in reversed(runs.newest(limit)):
        for cell in found.get(run.run, ()):
            line = points.setdefault(cell.candidate, [])
            line.append(Point(run=run, cell=cell, breaks=_breaks(line[-1], run, cell) if line else ()))
    return points


def trend_page(runs: Runs, limit: int) -> TrendPage:
    """Every cell through the last `limit` runs, the worst of the last run first.

    Raises
    ------
    UsageError
        The store has no run.
    """
    lines = [
        TrendLine(
            cell=text.one_line(name),
            candidate=text.one_line(candidate),
            margin=100 * points[-1].cell.margin,
            points=tuple(_trend_point(point) for point in points),
        )
        for name in runs.cell_names()
        for candidate, points in trend(runs, name, limit).items()
    ]
    if not lines:
        raise UsageError("no run of this store has asked a cell; run tailgate compare first")
    return TrendPage(runs=len(runs.newest(limit)), lines=worst_last(lines))


def _trend_point(point: Point) -> TrendPoint:
    run, cell = point.run, point.cell
    noise = 100 * (run.noise_discordant or 0) / run.noise_items if run.noise_items else None
    delta = None if cell.delta is None else 100 * cell.delta
    return TrendPoint(
        when=run.created_utc,
        run=run.run,
        decision=cast(CellDecision, cell.verdict),
        n=cell.n,
        delta=delta,
        low=100 * cell.low,
        high=100 * cell.high,
        noise=noise,
        breaks=bool(INCOMPARABLE.intersection(point.breaks)),
        changed=point.breaks,
        text=f"{text.points(cell.delta)} [{text.points(cell.low)}, {text.points(cell.high)}]",
    )


def _breaks(before: Point, run: RunRecord, cell: RunCell) -> tuple[str, ...]:
    """What makes two points incomparable (another baseline or slice), and what else changed between them."""
    changes = {
        "baseline": (before.run.baseline_fingerprint, run.baseline_fingerprint),
        "slice version": (before.cell.slice_version, cell.slice_version),
        "candidate": (before.cell.candidate_fingerprint, cell.candidate_fingerprint),
        "gate": (before.run.gate_sha256, run.gate_sha256),
        "suite": (before.run.suite_sha256, run.suite_sha256),
        "engine": (before.run.engine, run.engine),
    }
    return tuple(name for name, (old, new) in changes.items() if old != new)


def compare_runs(runs: Runs, first: str, second: str) -> list[dict[str, Any]]:
    """The cells of two runs side by side, by candidate and cell; None for what only one of them has.

    Raises
    ------
    UsageError
        One of the runs is not there.
    """
    sides = [
        {(c.candidate, c.slice, c.stratum): c for c in runs.cells(runs.find(name).run)} for name in (first, second)
    ]
    rows = []
    for key in sorted(sides[0].keys() | sides[1].keys()):
        old, new = (side.get(key) for side in sides)
        rows.append(
            {
                "candidate": key[0],
                "cell": f"{key[1]}/{key[2]}",
                "first": asdict(old) if old else None,
                "second": asdict(new) if new else None,
                "comparable": bool(old and new and old.slice_version == new.slice_version),
            }
        )
    return rows


def bless(runs: Runs, name: str, reason: str) -> Blessed:
    """Vouch for the baseline of a run.

    Raises
    ------
    UsageError
        The run is not there, or no reason is given.
    """
    if not reason.strip():
        raise UsageError("a blessing needs a reason; give --reason")
    run = runs.find(name)
    blessed = Blessed(
        baseline=run.baseline, fingerprint=run.baseline_fingerprint, blessed_utc=utc_now(), reason=reason.strip()
    )
    runs.bless(blessed)
    return blessed


def prune(runs: Runs, keep_days: int) -> int:
    """Forget runs older than `keep_days` days; returns how many. Their folders stay.

    Raises
    ------
    UsageError
        The number of days is not positive.
    """
    if keep_days < 1:
        raise UsageError(f"--keep-days {keep_days}: give a number of at least 1")
    oldest = datetime.now(UTC) - timedelta(days=keep_days)
    return runs.prune(oldest.strftime("%Y-%m-%dT%H:%M:%SZ"))


def run_lines(found: Sequence[RunRecord]) -> list[str]:
    """Runs for a terminal."""
    return [
        f"{each.run}  {each.created_utc}  {each.decision:<12}  {each.suite} {each.suite_version}  {each.baseline}"
        for each in found
    ]


def cell_lines(cells: Sequence[RunCell]) -> list[str]:
    """The cells of a run for a terminal."""
    return [
        f"{c.verdict:<13} {_points(c.delta)} [{_points(c.low)}, {_points(c.high)}]  n {c.n:>4}  {c.candidate}  "
        f"{c.slice}/{c.stratum}"
        for c in cells
    ]


def trend_lines(found: Mapping[str, Sequence[Point]]) -> list[str]:
    """A trend for a terminal: a rule where points do not compare."""
    lines: list[str] = []
    for candidate, points in found.items():
        lines.append(candidate)
        for point in points:
            if point.breaks:
                lines.append(f"  --- changed: {', '.join(point.breaks)} ---")
            c = point.cell
            lines.append(
                f"  {point.run.created_utc}  {_points(c.delta)} [{_points(c.low)}, {_points(c.high)}]  n {c.n:>4}  "
                f"{c.verdict:<13} {point.run.run}"
            )
    return lines


def comparison_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Two runs side by side for a terminal."""
    lines = []
    for row in rows:
        old, new = row["first"], row["second"]
        shown = [f"{each['verdict']} {_points(each['delta'])}" if each else "not asked" for each in (old, new)]
        note = "" if row["comparable"] or not (old and new) else "  (versions of the slice differ: not comparable)"
        lines.append(f"{shown[0]:<22} -> {shown[1]:<22} {row['candidate']}  {row['cell']}{note}")
    return lines


def _points(value: float | None) -> str:
    return "    -" if value is None else f"{100 * value:+5.1f}"
