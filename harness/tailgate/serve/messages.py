"""What server and shadow candidate tell each other: JSON, one object a line."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from tailgate.engine.distribution import pack_tops, unpack_tops
from tailgate.engine.request import Draft, Request, Transcript
from tailgate.records import FinishReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An answer of the baseline. `text`: the question, as far as a language is told from it; `task`: if named."""

    request: Request
    baseline: Transcript
    text: str
    task: str | None
    subject: str | None
    created_utc: str


def jobs_line(seen: Sequence[Seen]) -> bytes:
    """What a candidate is asked; the subject stays with the server."""
    return _line({"jobs": [_job(each) for each in seen]})


def _job(seen: Seen) -> dict[str, Any]:
    request, baseline = seen.request, seen.baseline
    return {
        "key": request.key,
        "prompt": request.prompt_ids,
        "budget": request.max_new_tokens,
        "stop": request.stop,
        "answer": baseline.tokens,
        "finish": baseline.finish_reason,
        "tops": base64.b64encode(pack_tops(list(baseline.tops))).decode(),
        "text": seen.text,
        "task": seen.task,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a candidate reads."""

    draft: Draft
    text: str
    task: str | None


def read_jobs(line: str) -> list[Job]:
    """The inverse of `jobs_line`."""
    return [_read(job) for job in json.loads(line)["jobs"]]


def _read(job: dict[str, Any]) -> Job:
    request = Request(
        key=job["key"], prompt_ids=tuple(job["prompt"]), max_new_tokens=job["budget"], stop=tuple(job["stop"])
    )
    baseline = Transcript(
        key=job["key"],
        tokens=tuple(job["answer"]),
        text="",
        finish_reason=cast(FinishReason, job["finish"]),
        tops=tuple(unpack_tops(base64.b64decode(job["tops"]))),
    )
    return Job(draft=Draft(request=request, baseline=baseline), text=job["text"], task=job["task"])


def ready_line(fingerprint: str) -> bytes:
    """The candidate is loaded."""
    return _line({"ready": fingerprint})


def row_line(key: str, row: dict[str, Any]) -> bytes:
    """What the candidate found of one answer."""
    return _line({"key": key, "row": row})


def error_line(key: str, error: str) -> bytes:
    """The candidate could not verify one answer."""
    return _line({"key": key, "error": error})


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, allow_nan=False).encode() + b"\n"
