"""Outcomes as columns: what a decision reads of them, whether they come from records or from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tailgate.records import PairedOutcome
from tailgate.stats.eprocess import Floats

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labels:
    """A column of texts: the code of each row, -1 for none, and the text of each code."""

    codes: Codes
    names: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[str | None]) -> Self:
        """Encode texts."""
        known: dict[str, int] = {}
        codes = [-1 if value is None else known.setdefault(value, len(known)) for value in values]
        return cls(codes=np.array(codes, dtype=np.int64), names=tuple(known))

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Labels:
        """Some of the rows."""
        return Labels(codes=self.codes[rows], names=self.names)

    def counts(self) -> dict[str, int]:
        """How often each text occurs, in the order of first occurrence among all rows encoded."""
        found = np.bincount(self.codes[self.codes >= 0], minlength=len(self.names))
        return {name: int(count) for name, count in zip(self.names, found, strict=True) if count}

    def __getitem__(self, row: int) -> str | None:
        code = int(self.codes[row])
        return None if code < 0 else self.names[code]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutcomeColumns:
    """The columns of paired outcomes that a decision reads; see `records.PairedOutcome` for each."""

    item_id: tuple[str, ...]
    candidate: Labels
    slice: Labels
    stratum: Labels
    cluster: Labels
    index: Codes
    baseline_score: Floats
    candidate_score: Floats
    baseline_tokens: Floats
    candidate_tokens: Floats
    baseline_failure: Labels
    candidate_failure: Labels
    invalid: Labels

    LABELS = ("candidate", "slice", "stratum", "cluster", "baseline_failure", "candidate_failure", "invalid")
    NUMBERS = ("baseline_score", "candidate_score", "baseline_tokens", "candidate_tokens")

    @classmethod
    def of(cls, outcomes: Iterable[PairedOutcome]) -> Self:
        """The columns of records."""
        rows = list(outcomes)
        return cls(
            item_id=tuple(row.item_id for row in rows),
            index=np.array([row.index for row in rows], dtype=np.int64),
            **_by_name(cls.LABELS, lambda name: Labels.of([getattr(row, name) for row in rows])),
            **_by_name(cls.NUMBERS, lambda name: np.array([getattr(row, name) for row in rows], dtype=np.float64)),
        )

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.item_id)

    def of_candidate(self, name: str) -> OutcomeColumns:
        """The rows of one candidate; none where it has none."""
        code = self.candidate.names.index(name) if name in self.candidate.names else -2
        return self.take(np.flatnonzero(self.candidate.codes == code))

    def take(self, rows: NDArray[np.int64]) -> OutcomeColumns:
        """Some of the rows, in the order given."""
        return OutcomeColumns(
            item_id=tuple(self.item_id[row] for row in rows.tolist()),
            index=self.index[rows],
            **_by_name(self.LABELS, lambda name: getattr(self, name).take(rows)),
            **_by_name(self.NUMBERS, lambda name: getattr(self, name)[rows]),
        )


def _by_name(names: Iterable[str], make: Callable[[str], Any]) -> dict[str, Any]:
    """Keyword arguments, one a name."""
    return {name: make(name) for name in names}
