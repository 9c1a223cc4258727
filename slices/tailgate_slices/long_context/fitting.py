"""Brings a draft to its length in tokens with few counts of the whole text."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from tailgate_slices.item import SliceError
from tailgate_slices.long_context.drafts import EXACT, Draft, Stack
from tailgate_slices.long_context.filler import Counter

MOST_PADDINGS = 4  # times that short lines are chosen anew after a count of the whole text


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A text, and the tokens of the prompt with its longest question."""

    stack: Stack
    n_lines: int  # without short lines
    n_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """A draft, the tokens that its prompt should have, and the deviation at which nothing needs to be done."""

    draft: Draft
    target: int
    slack: float
    tokens: Counter

    def result(self) -> Fitted:
        """The draft with as many lines as fit, and short lines in the rest.

        Raises
        ------
        SliceError
            Not even the fewest lines fit.
        """
        least = self._measure(self.draft.fewest)
        if least.n_tokens > self.target:
            raise SliceError(
                f"long_context cannot ask this in {self.target} tokens of this tokenizer, the least is "
                f"{least.n_tokens}; take a greater len"
            )
        return self._padded(self._most_lines(least))

    def _measure(self, n_lines: int, pads: tuple[str, ...] = ()) -> Fitted:
        stack = self.draft.render(n_lines, pads)
        return Fitted(stack=stack, n_lines=n_lines, n_tokens=self.tokens.count(stack.prompt(stack.longest)))

    def _most_lines(self, least: Fitted) -> Fitted:
        """Close in on the number of lines that fit, from the estimate of each line, then from each count."""
        ends = [0.0, *accumulate(self.draft.weights)]
        per_line = ends[-1] / (len(ends) - 1)
        fits, too_many = least, len(ends)
        guess = bisect_right(ends, ends[least.n_lines] + self.target - least.n_tokens) - 1
        while too_many - fits.n_lines > 1:
            found = self._measure(min(max(guess, fits.n_lines + 1), too_many - 1))
            gap = self.target - found.n_tokens
            if self._near(gap, per_line):
                return found
            if gap >= 0:
                fits = found
            else:
                too_many = found.n_lines
            guess = found.n_lines + math.floor(gap / per_line)
        return fits

    def _near(self, gap: int, per_line: float) -> bool:
        """Whether a count is so close that short lines do the rest; below `EXACT` only one more line tells."""
        return self.target >= EXACT and (abs(gap) <= self.slack or 0 < gap <= 1.5 * per_line)

    def _padded(self, fitted: Fitted) -> Fitted:
        """Fill the rest with short lines; a second choice knows by how much the first one was out."""
        best, aim = fitted, float(self.target)
        for _ in range(MOST_PADDINGS):
            if abs(best.n_tokens - self.target) <= self.slack:
                break
            pads = self._choose(aim - fitted.n_tokens)
            if not pads:
                break
            found = self._measure(fitted.n_lines, pads)
            aim += self.target - found.n_tokens
            if found.n_tokens <= self.target + self.slack and found.n_tokens > best.n_tokens:
                best = found
        return best

    def _choose(self, gap: float) -> tuple[str, ...]:
        """Short lines of together `gap` tokens, the longest that fits first."""
        left = [(self.tokens.count(f"{pad}\n"), pad) for pad in self.draft.pads]
        chosen = []
        while gap > self.slack:
            fitting = [each for each in left if each[0] <= gap + self.slack]
            if not fitting:
                break
            best = max(fitting)
            left.remove(best)
            chosen.append(best[1])
            gap -= best[0]
        return tuple(chosen)
