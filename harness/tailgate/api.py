"""The product from Python: `compare`, `decide`, `load_run`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tailgate.pipeline.decide import decide
from tailgate.pipeline.options import CompareOptions, Observer
from tailgate.records import PairedOutcome, RunVerdict
from tailgate.store.run_folder import read_manifest, read_outcomes

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["Outcomes", "Run", "compare", "decide", "load_run"]


@dataclass(frozen=True, slots=True)
class Outcomes(Sequence[PairedOutcome]):
    """Paired outcomes of a run, one row per item and candidate."""

    rows: tuple[PairedOutcome, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def to_arrow(self) -> pa.Table:
        """The rows as an Arrow table."""
        from tailgate.store.run_folder import outcomes_to_table

        return outcomes_to_table(self.rows)

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a pandas data frame (needs pandas)."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> pl.DataFrame:
        """The rows as a polars data frame (needs polars)."""
        import polars as pl

        return pl.from_arrow(self.to_arrow())


@dataclass(frozen=True)
class Run:
    """A finished comparison. In a notebook it shows its report."""

    path: Path
    verdict: RunVerdict
    manifest: dict[str, Any]

    @cached_property
    def outcomes(self) -> Outcomes:
        """The paired outcomes, read from the run folder."""
        return Outcomes(tuple(read_outcomes(self.path)))

    def _repr_html_(self) -> str:
        from tailgate.report.html import frame
        from tailgate.report.model import build_view

        return frame(build_view(self.verdict, self.manifest, self.outcomes))


def compare(baseline: str, candidates: str | Sequence[str], *, observer: Observer | None = None, **options: Any) -> Run:
    """Compare a baseline with one or several quantized candidates, slice by slice, and decide.

    Parameters
    ----------
    baseline, candidates
        Variants: ``MODEL`` or ``MODEL@method[:key=value,...]``.
    observer
        Hears how far the run has come.
    **options
        Fields of `CompareOptions`: suite, gate, engine, out, store, resume, seed, max_items, fixed_n, ...

    Raises
    ------
    TailgateError
        See `tailgate.errors`; the exit code of the same error on the command line is its `exit_code`.
    """
    from tailgate.pipeline.compare import compare_variants

    several = (candidates,) if isinstance(candidates, str) else tuple(candidates)
    for name in ("out", "store", "resume"):
        if options.get(name) is not None:
            options[name] = Path(options[name])
    result = compare_variants(CompareOptions(baseline=baseline, candidates=several, **options), observer)
    return Run(path=result.path, verdict=result.verdict, manifest=result.manifest)


def load_run(path: str | Path) -> Run:
    """Open a finished run folder.

    Raises
    ------
    RunFolderError
        There is no finished run, or it was written by a newer version.
    """
    folder = Path(path)
    return Run(path=folder, verdict=decide(folder), manifest=read_manifest(folder))
