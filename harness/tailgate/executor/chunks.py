"""Which requests a worker gets next, and what happens to those of a worker that is lost. No Ray, no torch."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from tailgate.engine.request import ChoiceRequest, Draft, Request
from tailgate.errors import SetupError

Asked = Request | Draft | ChoiceRequest
LEAST = 16  # requests of a chunk: fewer leave a packed pass half empty
SHARE = 0.75  # of what is left goes to the workers in equal parts, round after round: they end nearly together
AGAIN = "give the command again, or --resume its run folder: what was answered is kept"
MOST_LOSSES = 3  # workers that a request may lose before it is held to be the cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Requests that one worker answers; `losses` workers were lost with them before."""

    asked: tuple[Asked, ...]
    losses: int = 0


class Deck:
    """Hands out every request once, and again when it comes back unanswered."""

    def __init__(self, asked: Iterable[Asked], workers: int) -> None:
        # Prompts that begin alike stand side by side: a worker computes their beginning once.
        self._waiting = deque(sorted(asked, key=prompt_of))
        self._returned: deque[Chunk] = deque()
        self._workers = workers
        self._cost = sum(map(cost_of, self._waiting))
        self._parts, self._part = 0, 0.0  # left of this round, and the cost of each

    def __bool__(self) -> bool:
        """Whether anything is left to hand out."""
        return bool(self._waiting or self._returned)

    def take(self) -> Chunk:
        """The next chunk; what came back goes first."""
        if self._returned:
            return self._returned.popleft()
        if not self._parts:
            self._parts, self._part = self._workers, SHARE * self._cost / self._workers
        self._parts -= 1
        cost, taken = 0, list[Asked]()
        while self._waiting and (cost < self._part or len(taken) < LEAST):
            taken.append(self._waiting.popleft())
            cost += cost_of(taken[-1])
        self._cost -= cost
        return Chunk(asked=tuple(taken))

    def give_back(self, chunk: Chunk, answered: Collection[str], why: str) -> None:
        """Take back what a lost worker left unanswered, in two halves: if one request is the cause, it is closed in on.

        Raises
        ------
        SetupError
            Its requests have lost too many workers.
        """
        left = [each for each in chunk.asked if key_of(each) not in answered]
        losses = chunk.losses + 1
        if left and losses >= MOST_LOSSES:
            raise SetupError(
                f"{losses} workers were lost with the requests {_names(left)} ({why}); "
                f"give workers more memory or look into Ray's logs, then {AGAIN}"
            )
        middle = (len(left) + 1) // 2
        halves = [Chunk(asked=tuple(half), losses=losses) for half in (left[:middle], left[middle:]) if half]
        self._returned.extendleft(reversed(halves))


def request_of(asked: Asked) -> Request | ChoiceRequest:
    """The request behind what is asked."""
    return asked.request if isinstance(asked, Draft) else asked


def key_of(asked: Asked) -> str:
    """Key of what is asked."""
    return request_of(asked).key


def prompt_of(asked: Asked) -> tuple[int, ...]:
    """Tokens that what is asked begins with."""
    request = request_of(asked)
    return request.context_ids if isinstance(request, ChoiceRequest) else request.prompt_ids


def cost_of(asked: Asked) -> int:
    """About how much work it is, in tokens."""
    return request_of(asked).longest


def _names(asked: Sequence[Asked]) -> str:
    shown = ", ".join(key_of(each) for each in asked[:8])
    return shown if len(asked) <= 8 else f"{shown} and {len(asked) - 8} more"
