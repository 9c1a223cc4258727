#!/usr/bin/env python3
"""Time what is asked: items drawn and graded, long texts built, programs run in the sandbox. No model is loaded.

Usage: python scripts/bench_slices.py [--out results/bench/slices.json] [--ifeval FILE] [--only items,texts,programs]

Programs are answers of the slice code, judged by their hidden tests: once one after another, once as a comparison
grades them. On a machine that others load, too, the clock tells little: `cpu_ms_each` is the processor time of one
program with its sandbox, and `empty_processes_per_s` what the machine makes of /bin/true at that moment.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_machine import machine, versions

from tailgate.engine.request import Transcript
from tailgate.pipeline.grading import Answered, cores, grade_answers
from tailgate_slices.code.execution import _verdict
from tailgate_slices.item import Answer, Grade, Item, Slice
from tailgate_slices.registry import get_slice
from tailgate_slices.sandbox import LANGUAGES, Language, choose_runner, why_not

ITEMS, TARGET_S = 10_000, 20.0
TEXTS, LENGTH, TEXTS_TARGET_S = 100, 131_072, 300.0
PROGRAMS, PROGRAMS_TARGET = 120, 20.0
SEED = 20261124
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
LONG_ANSWER = "<<A title>>\n\n" + "This is a paragraph of several words, and it ends here. " * 12


@dataclass(frozen=True, kw_only=True)
class Case:
    """Strata of one slice, asked in turn."""

    name: str
    maker: Slice
    strata: tuple[str, ...]


def cases(ifeval: Path | None) -> list[Case]:
    """Every built-in slice that is not long; instruction_stack at its largest, code where nothing is run."""
    whole = [get_slice(name) for name in ("general", "low_resource", "multihop_arithmetic", "refusal_pairs", "voice")]
    code, rules = get_slice("code"), get_slice("instruction_stack")
    found = [
        *(Case(name=maker.name, maker=maker, strata=maker.strata) for maker in whole),
        Case(name="code, nothing is run", maker=code, strata=tuple(s for s in code.strata if not code.executes(s))),
        Case(name="instruction_stack, 40 rules", maker=rules, strata=("rules=40",)),
    ]
    if ifeval is not None:
        from tailgate_slices.sources import published

        read = published("ifeval", ifeval)
        found.append(Case(name="ifeval, read and not drawn", maker=read, strata=read.strata))
    return found


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Seconds of a stretch of work, by the clock and of this process's processor time."""

    wall_s: float
    cpu_s: float


def clocked(work: Callable[[], Any]) -> tuple[Any, Taken]:
    """Do something and time it."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, Taken(wall_s=round(time.perf_counter() - wall, 3), cpu_s=round(time.process_time() - cpu, 3))


def draw(maker: Slice, strata: Sequence[str], n: int) -> list[Item]:
    """Items of these strata in turn; a stratum with an end begins again."""
    items = []
    for i in range(n):
        stratum, index = strata[i % len(strata)], i // len(strata)
        size = maker.size(stratum)
        items.append(maker.item(stratum=stratum, seed=SEED, index=index if size is None else index % size, tokens=None))
    return items


def answers(items: Sequence[Item]) -> list[Answer]:
    """Every second item gets its own reference for an answer, the others that of their neighbour."""
    texts = [item.references[0] if item.references else LONG_ANSWER for item in items]
    return [Answer(text=texts[min(i + i % 2, len(texts) - 1)], finish_reason="stop") for i in range(len(items))]


def time_items(case: Case) -> dict[str, Any]:
    """Draw and grade items of a case, one after another."""
    maker = case.maker
    items, drawn = clocked(lambda: draw(maker, case.strata, ITEMS))
    said = answers(items)
    grades, graded = clocked(lambda: [maker.grade(item, each) for item, each in zip(items, said, strict=True)])
    row = {
        "slice": case.name,
        "version": maker.version,
        "items": ITEMS,
        "drawn_s": drawn.wall_s,
        "drawn_per_s": round(ITEMS / drawn.wall_s),
        "graded_s": graded.wall_s,
        "graded_per_s": round(ITEMS / graded.wall_s),
        "cpu_s": [drawn.cpu_s, graded.cpu_s],
        "mean_score": round(sum(each.score for each in grades) / ITEMS, 3),
        "target_s": TARGET_S,
        "kept": max(drawn.wall_s, graded.wall_s) < TARGET_S,
    }
    print(json.dumps(row), flush=True)
    return row


def time_texts() -> dict[str, Any]:
    """Haystacks of the longest stratum, one question of each, in the tokens of the embedded model."""
    from tailgate.variants.registry import methods
    from tailgate.variants.source import find_source
    from tailgate.variants.spec import parse_spec
    from tailgate.variants.tokenizer import load_tokenizer

    spec = parse_spec("smollm2", methods())
    tokens = load_tokenizer(find_source(spec.model, spec.options))
    maker = get_slice("long_context")
    stratum = f"len={LENGTH}"
    share = maker.cluster_items(stratum)
    items, taken = clocked(
        lambda: [maker.item(stratum=stratum, seed=SEED, index=i * share, tokens=tokens) for i in range(TEXTS)]
    )
    lengths = [tokens.count(item.prompt) for item in items[:5]]
    row = {
        "texts": TEXTS,
        "tokens_each": LENGTH,
        "questions_each": share,
        "lengths_of_the_first": lengths,
        "seconds": taken.wall_s,
        "cpu_s": taken.cpu_s,
        "target_s": TEXTS_TARGET_S,
        "kept": taken.wall_s < TEXTS_TARGET_S,
    }
    print(json.dumps(row), flush=True)
    return row


def adopt_orphans() -> None:
    """Have the processes that a sandbox leaves to be reaped come to this one: their processor time counts then."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children_s() -> float:
    """Processor seconds of all processes that have ended below this one."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def right(item: Item) -> Answered:
    """The reference as the answer of a side."""
    said = Transcript(key=item.id, tokens=(), text=item.references[0], finish_reason="stop")
    return Answered(item=item, transcript=said)


def time_programs(language: Language) -> dict[str, Any]:
    """Programs a second: one after another, and as a comparison grades them."""
    if (reason := why_not(language, unsafe=False)) is not None:
        return {"language": language, "left_out": reason}
    maker = get_slice("code")
    strata = [f"task={task},language={language}" for task in ("spec-2", "repair-2", "complete-2")]
    answered = [right(item) for item in draw(maker, strata, PROGRAMS)]
    grade_answers(answered[:4])  # files and sandbox are found
    _verdict.cache_clear()
    alone, singly = clocked(lambda: [grade_answers([each])[0] for each in answered])
    _verdict.cache_clear()
    before = children_s()
    together, pooled = clocked(lambda: grade_answers(answered))
    below = children_s() - before
    if alone != together:
        raise SystemExit(f"{language}: grades differ between one worker and {cores()}")
    _, empty = clocked(lambda: [subprocess.run(["/bin/true"], check=True) for _ in range(PROGRAMS)])
    row = {
        "language": language,
        "sandbox": choose_runner(language, unsafe=False).name,
        "programs": PROGRAMS,
        "right": sum(isinstance(each, Grade) and each.score == 1.0 for each in together),
        "workers": cores(),
        "one_after_another_per_s": round(PROGRAMS / singly.wall_s, 1),
        "per_s": round(PROGRAMS / pooled.wall_s, 1),
        "cpu_ms_each": round(1e3 * (below + pooled.cpu_s) / PROGRAMS, 1),
        "empty_processes_per_s": round(PROGRAMS / empty.wall_s, 1),
        "load_now": round(os.getloadavg()[0], 2),
        "target_per_s": PROGRAMS_TARGET,
        "kept": PROGRAMS / pooled.wall_s >= PROGRAMS_TARGET,
    }
    print(json.dumps(row), flush=True)
    return row


def time_every_language() -> list[dict[str, Any]]:
    """Programs of all languages that the sandbox knows."""
    adopt_orphans()
    return [time_programs(language) for language in LANGUAGES]


def main() -> None:
    """Take the figures and write each part into the file, which keeps the parts that are not measured again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/bench/slices.json"))
    parser.add_argument("--ifeval", type=Path, help="a file of the benchmark IFEval, whose grader is timed")
    parser.add_argument("--only", default="items,texts,programs")
    options = parser.parse_args()
    parts: dict[str, Callable[[], Any]] = {
        "programs": time_every_language,
        "items": lambda: [time_items(case) for case in cases(options.ifeval)],
        "texts": time_texts,
    }
    found = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {"schema_version": 1}
    for part in options.only.split(","):
        conditions = {**machine(), "versions": versions(sys.executable, ("numpy", "pyicu-wheels", "babel"))}
        found[part] = {"conditions": conditions, "measured": parts[part]()}
        options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
