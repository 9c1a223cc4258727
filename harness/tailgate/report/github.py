"""What a GitHub Actions job shows: a summary of the job, and an annotation for every cell that keeps a release back.

Workflow commands are lines of output, so whatever a line holds is escaped: a cell's name must not become a command.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tailgate.errors import OutputError
from tailgate.gate.waivers import WAIVED
from tailgate.records import CandidateVerdict, CellVerdict, RunVerdict
from tailgate.report.text import lower_bound, one_line, points

LEVELS: Mapping[str, str] = {"regression": "error", "invalid": "error", "inconclusive": "warning"}
MOST_ANNOTATIONS = 10  # of a kind and step: GitHub drops what is beyond them
SUMMARY_BYTES = 1 << 20  # of a step, by GitHub's documentation


def is_job(environment: Mapping[str, str]) -> bool:
    """Whether this process runs as a step of a job."""
    return environment.get("GITHUB_ACTIONS") == "true"


def annotate(verdict: RunVerdict) -> list[str]:
    """Workflow commands: an error for a cell that regressed or is invalid, a warning for one undecided or waived.

    What keeps a candidate back without being a cell's is a warning, too. Errors come first; what GitHub would drop is
    counted.
    """
    found: dict[str, list[str]] = {"error": [], "warning": []}
    for candidate in verdict.candidates:
        of_cells = {f"{cell.key}: {cell.reason}" for cell in candidate.cells}
        for cell in candidate.cells:
            if (level := LEVELS.get(cell.verdict)) is not None:
                waived = WAIVED in cell.flags
                level, said = ("warning", f"{WAIVED} {cell.verdict}") if waived else (level, cell.verdict)
                found[level].append(_command(level, f"{said}: {cell.key}", _sentence(candidate, cell)))
        if candidate.decision != "pass":
            others = [f"{candidate.candidate}: {each}" for each in candidate.reasons if each not in of_cells]
            found["warning"] += [_command("warning", candidate.decision, each) for each in others]
    return [line for level, lines in found.items() for line in _capped(level, lines)]


def _sentence(candidate: CandidateVerdict, cell: CellVerdict) -> str:
    if cell.delta is None:
        return f"{candidate.candidate}: {cell.reason or 'no item was answered'}"
    bound = lower_bound(cell.low, cell.margin)
    return (
        f"{candidate.candidate}: {points(cell.delta)} points on {cell.n} items, at worst {bound}; the margin is "
        f"{points(cell.margin)}"
    )


def _capped(level: str, lines: Sequence[str]) -> Iterator[str]:
    if len(lines) <= MOST_ANNOTATIONS:
        yield from lines
        return
    yield from lines[: MOST_ANNOTATIONS - 1]
    yield _command(level, "more", f"{len(lines) - MOST_ANNOTATIONS + 1} more cells; see the summary of the job")


def _command(level: str, title: str, message: str) -> str:
    """A workflow command; see GitHub's toolkit, packages/core/src/command.ts, for what must be escaped."""
    escaped = _data(one_line(title)).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title=tailgate {escaped}::{_data(one_line(message, 400))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def add_summary(environment: Mapping[str, str], text: str) -> None:
    """Append Markdown to the summary of the step; a text that GitHub would refuse is cut and says so.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    path = environment.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    data = text.encode()
    if len(data) > SUMMARY_BYTES:
        data = data[: SUMMARY_BYTES - 200].decode(errors="ignore").encode() + b"\n\nCut here: see report.md.\n"
    try:
        with Path(path).open("ab") as file:
            file.write(data + b"\n")
    except OSError as error:
        raise OutputError(f"cannot write the summary of the job to {path}: {error.strerror}") from error
