"""Brings a draft to its length in tokens with few counts of the whole text."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from tailgate_slices.item import SliceError
from tailgate_slices.long_context.drafts import EXACT, Draft, Stack
from tailgate_slices.long_context.filler import Counter

TOLERANCE = 0.01  # of the length, by which every prompt of a text may be out
AIM = 0.009  # of the length: how near is near enough
TAIL = 240  # characters at the end of a text within which its last line and a question share tokens
MOST_PADDINGS = 4  # times that short lines are chosen anew after a count of the whole text


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A text, and the tokens of the prompt with each of its questions."""

    stack: Stack
    n_lines: int  # without short lines
    prompt_tokens: tuple[int, ...]

    @property
    def middle(self) -> float:
        """Half way between the shortest prompt and the longest."""
        return (min(self.prompt_tokens) + max(self.prompt_tokens)) / 2

    @property
    def spread(self) -> float:
        """How far the shortest and the longest prompt are from the middle."""
        return max(self.prompt_tokens) - self.middle


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """A draft, and the tokens that its prompts should have."""

    draft: Draft
    target: int
    tokens: Counter

    def result(self) -> Fitted:
        """The draft with as many lines as fit, and short lines in the rest.

        Raises
        ------
        SliceError
            Not even the fewest lines fit, or in these tokens nothing comes within 1 % of the length.
        """
        least = self._measure(self.draft.fewest)
        if least.middle > self.target:
            raise SliceError(
                f"long_context cannot ask this in {self.target} tokens of this tokenizer, the least is "
                f"{max(least.prompt_tokens)}; take a greater len"
            )
        fitted = self._padded(self._most_lines(least))
        worst = max(fitted.prompt_tokens, key=lambda n_tokens: abs(n_tokens - self.target))
        if self.target >= EXACT and abs(worst - self.target) > TOLERANCE * self.target:
            raise SliceError(
                f"long_context cannot bring this text within 1 % of {self.target} tokens of this tokenizer, the "
                f"nearest has {worst}; take another len"
            )
        return fitted

    def _measure(self, n_lines: int, pads: tuple[str, ...] = ()) -> Fitted:
        stack = self.draft.render(n_lines, pads)
        counted = self.tokens.count(stack.prompt(stack.longest))
        # The prompts that are not counted follow from how their ends differ.
        ends = [self.tokens.count(f"{stack.text[-TAIL:]}{stack.gap}{question.text}") for question in stack.questions]
        return Fitted(
            stack=stack, n_lines=n_lines, prompt_tokens=tuple(counted + end - ends[stack.longest] for end in ends)
        )

    def _slack(self, fitted: Fitted) -> float:
        """Deviation of the middle that is left alone; below `EXACT` none."""
        return max(0.0, AIM * self.target - fitted.spread) if self.target >= EXACT else 0.0

    def _most_lines(self, least: Fitted) -> Fitted:
        """Close in on the number of lines that fit, from the estimate of each line, then from each count."""
        ends = [0.0, *accumulate(self.draft.weights)]
        per_line = ends[-1] / (len(ends) - 1)
        fits, too_many = least, len(ends)
        guess = bisect_right(ends, ends[least.n_lines] + self.target - least.middle) - 1
        while too_many - fits.n_lines > 1:
            found = self._measure(min(max(guess, fits.n_lines + 1), too_many - 1))
            gap = self.target - found.middle
            if self._near(found, gap, per_line):
                return found
            if gap >= 0:
                fits = found
            else:
                too_many = found.n_lines
            guess = found.n_lines + math.floor(gap / per_line)
        return fits

    def _near(self, found: Fitted, gap: float, per_line: float) -> bool:
        """Whether a count is so close that short lines do the rest; below `EXACT` only one more line tells."""
        return self.target >= EXACT and (abs(gap) <= self._slack(found) or 0 < gap <= 1.5 * per_line)

    def _padded(self, fitted: Fitted) -> Fitted:
        """Fill the rest with short lines; a second choice knows by how much the first one was out."""
        best, aim = fitted, float(self.target)
        for _ in range(MOST_PADDINGS):
            slack = self._slack(best)
            if abs(best.middle - self.target) <= slack:
                break
            pads = self._choose(aim - fitted.middle, slack)
            if not pads:
                break
            found = self._measure(fitted.n_lines, pads)
            aim += self.target - found.middle
            if best.middle < found.middle <= self.target + slack:
                best = found
        return best

    def _choose(self, gap: float, slack: float) -> tuple[str, ...]:
        """Short lines of together `gap` tokens, the longest that fits first, then dots for what they leave."""
        left = [(self.tokens.count(f"{pad}\n"), pad) for pad in self.draft.pads]
        chosen = []
        while fitting := [each for each in left if each[0] <= gap]:
            best = max(fitting)
            left.remove(best)
            chosen.append(best[1])
            gap -= best[0]
        if self.draft.dotted and (gap > slack / 2 or not chosen):
            chosen += self._dots(gap + slack / 2)
        return tuple(chosen)

    def _dots(self, most: float) -> list[str]:
        """A line of as many dots as have at most so many tokens: one more costs one to three in any tokenizer."""
        numbers = range(1, 2 * math.ceil(most) + 1)
        n = bisect_right(numbers, most, key=lambda number: self.tokens.count(f"{self._dotted(number)}\n"))
        return [self._dotted(n)] if n else []

    def _dotted(self, number: int) -> str:
        return self.draft.dotted.format(" ".join("." * number))
