"""Requests of which some are to be answered and some to be declined: read from the answer, as `refusal_pairs` does."""

from __future__ import annotations

from dataclasses import dataclass

from tailgate_slices.declining.judging import MODES, judged
from tailgate_slices.item import Answer, Grade
from tailgate_slices.sources.judges import NeedsNothing, modes_of


@dataclass(frozen=True)
class Declines(NeedsNothing):
    """The answer declines exactly if it should. Signals are those of `refusal_pairs`, so reports show both alike."""

    should: bool
    modes = modes_of(**MODES)

    def __call__(self, answer: Answer) -> Grade:
        """Look at the opening of the answer; one that is none says nothing about refusals."""
        return judged(answer, should_decline=self.should)
