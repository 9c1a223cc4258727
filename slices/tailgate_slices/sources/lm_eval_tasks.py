"""Tasks of an installed lm-evaluation-harness.

Generate-until tasks keep their prompt, filter and metric; multiple choice is asked as a question with lettered options.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tailgate_slices.grading import RIGHT, failure
from tailgate_slices.item import Answer, Card, Grade, SliceError
from tailgate_slices.sources.choices import LETTERS, Choice, listed
from tailgate_slices.sources.finite import FiniteSlice, Identity, Question, stratum_value
from tailgate_slices.sources.judges import modes_of
from tailgate_slices.sources.reading import first_line
from tailgate_slices.sources.rows import require_package

TEMPLATE = "2"  # of how documents are asked and judged
FEWSHOT_SEED = 1234  # lm-evaluation-harness's own default
LONGEST_ANSWER = 20_000  # filters are regular expressions of others
DEFAULT_TOKENS = 256
_ID_FIELDS = ("id", "_id", "ID", "idx", "key", "question_id", "task_id", "doc_id")
_METRICS = ("exact_match", "acc", "em", "pass@1", "prompt_level_strict_acc", "contains", "f1")  # the first a task has


class LmEvalTask(FiniteSlice):
    """One task of lm-evaluation-harness."""


def lm_eval_task(task: str, *, include: Path | None = None, loaded: Any = None) -> LmEvalTask:
    """A multiple-choice or generate-until task as a slice named ``lm_eval:TASK``.

    Parameters
    ----------
    task
        Name of a task, not of a group.
    include
        A folder of task files of your own.
    loaded
        A task object, where the caller has one; else lm_eval is imported and loads it.

    Raises
    ------
    SliceError
        lm_eval is missing or cannot load the task, or the task needs what is not there: log-likelihoods, images,
        execution of code, a metric over the whole data set.
    """
    found = loaded if loaded is not None else _load(task, include)
    kind = str(found.OUTPUT_TYPE or found.get_config("output_type"))
    _refuse(task, found, kind)
    questions = list(_choices(task, found) if kind == "multiple_choice" else _generations(task, found))
    content = [[each.id, each.prompt, each.references] for each in questions]
    sha256 = hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()
    chances = [1 / len(each.judge.options) for each in questions if isinstance(each.judge, Choice)]
    identity = Identity(
        name=f"lm_eval:{task}",
        template=TEMPLATE,
        sha256=sha256,
        card=_card(task, found, kind, questions),
        chance=sum(chances) / len(chances) if chances else 0.0,
    )
    return LmEvalTask(identity, ("task",), questions)


def _load(task: str, include: Path | None) -> Any:
    require_package("lm_eval", f"the slice lm_eval:{task}", "lm_eval")
    tasks: Any = importlib.import_module("lm_eval.tasks")
    try:
        manager = tasks.TaskManager(include_path=None if include is None else str(include))
        if task not in manager.all_tasks:
            raise SliceError(f"lm_eval knows no task '{task}'; list them with: lm_eval ls tasks")
        found = manager.load([task])["tasks"] if hasattr(manager, "load") else tasks.get_task_dict([task], manager)
    except SliceError:
        raise
    except Exception as error:  # foreign code: whatever it raises, the user needs to know which task it was
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise SliceError(f"lm_eval cannot load the task '{task}': {reason}") from error
    if list(found) != [task]:
        some = ", ".join(map(str, list(found)[:8]))
        raise SliceError(f"lm_eval:{task} is a group of {len(found)} tasks; name one of them: {some}")
    return found[task]


def _refuse(task: str, found: Any, kind: str) -> None:
    if kind not in ("multiple_choice", "generate_until"):
        raise SliceError(
            f"lm_eval:{task} asks for {kind}; only multiple_choice and generate_until can be answered in text"
        )
    config = getattr(found, "config", None)
    if getattr(config, "unsafe_code", False):
        raise SliceError(
            f"lm_eval:{task} runs a model's code outside of a sandbox; use the slices humaneval, mbpp or code"
        )
    if getattr(config, "doc_to_image", None) or getattr(config, "doc_to_audio", None):
        raise SliceError(f"lm_eval:{task} needs images or sound; only text can be asked")


def _docs(task: str, found: Any) -> Iterator[tuple[str, Any]]:
    docs = list(found.eval_docs)
    name = next((each for each in _ID_FIELDS if docs and each in docs[0]), None)
    named = [str(doc[name]) for doc in docs] if name is not None else []
    unique = len(set(named)) == len(docs)
    for place, doc in enumerate(docs):
        yield (named[place] if unique and named else str(place)), doc


def _choices(task: str, found: Any) -> Iterator[Question]:
    for name, doc in _docs(task, found):
        options = tuple(map(str, found.doc_to_choice(doc)))
        asked, right = found.doc_to_text(doc), found.doc_to_target(doc)
        if getattr(found, "multiple_input", 0):  # the options are beginnings, the target is the end of all of them
            options = tuple(f"{option} {right}" for option in options)
            asked, right = "Which of these makes more sense?", asked
        places = _places(right, options)
        if not places or len(options) > len(LETTERS):
            raise SliceError(
                f"lm_eval:{task}, document {name}: no right option among {len(options)}; it cannot be asked"
            )
        labelled = all(option.strip() == letter for option, letter in zip(options, LETTERS, strict=False))
        text = str(asked).rstrip().removesuffix("Answer:").rstrip()
        text = text if labelled else f"{text}\n{listed(options)}"
        last = LETTERS[len(options) - 1]
        yield Question(
            id=name,
            values={"task": stratum_value(task)},
            prompt=f"{text}\n\nAnswer with one letter from A to {last}.\nAnswer:",
            references=tuple(LETTERS[place] for place in places),
            judge=Choice(options=options, right=places),
            max_new_tokens=24,
            stop=("\n",),
        )


def _places(right: Any, options: Sequence[str]) -> tuple[int, ...]:
    several = right if isinstance(right, list | tuple) else [right]
    places = []
    for one in several:
        if isinstance(one, int) and 0 <= one < len(options):
            places.append(one)
        elif isinstance(one, str) and one in options:
            places.append(options.index(one))
    return tuple(places)


@dataclass(frozen=True)
class TaskMetric:
    """The task's first filter, then one metric of its own on this answer alone."""

    task: Any
    doc: Any
    context: str
    metric: str
    modes: Mapping[str, str] = field(
        default_factory=lambda: modes_of(
            scored_low="the task's metric is below 1", metric_failed="the task's own code failed on the answer"
        )
    )

    def needs(self) -> str | None:
        """Nothing: the task is loaded."""
        return None

    def __call__(self, answer: Answer) -> Grade:
        """Score the first 20,000 characters; an error in the task's code is a failure mode of its own."""
        try:
            score = metric_of(self.task, self.doc, self.context, answer.text[:LONGEST_ANSWER])[self.metric]
            score = min(1.0, max(0.0, float(score)))
        except Exception:  # foreign code on hostile text; the mode keeps it visible
            return failure(answer, "metric_failed", decisive=True)
        if math.isnan(score):
            return failure(answer, "metric_failed", decisive=True)
        if score == 1.0:
            return RIGHT
        return Grade(score=score, failure_mode=failure(answer, "scored_low").failure_mode)


def metric_of(task: Any, doc: Any, context: str, text: str) -> Mapping[str, Any]:
    """All metrics of a task for one answer, after its first filter."""
    made = task.construct_requests(doc=doc, ctx=context, metadata=(None, 0, 1))
    request = made[0] if isinstance(made, list) else made
    request.resps = [text]
    result: Any = text
    for ensemble in list(getattr(task, "_filters", ()))[:1]:
        ensemble.apply([request])
        result = request.filtered_resps[ensemble.name]
    scores: Mapping[str, Any] = task.process_results(doc, [result])
    return scores


def _generations(task: str, found: Any) -> Iterator[Question]:
    if hasattr(found, "set_fewshot_seed"):
        found.set_fewshot_seed(seed=FEWSHOT_SEED)
    shots = int(found.get_config("num_fewshot") or 0)
    options = dict(found.get_config("generation_kwargs") or {})
    until = options.get("until") or ()
    stop = (until,) if isinstance(until, str) else tuple(until)
    metric: str | None = None
    for name, doc in _docs(task, found):
        context = found.fewshot_context(doc, num_fewshot=shots)
        if not isinstance(context, str):
            raise SliceError(f"lm_eval:{task} has no plain text prompt; it cannot be asked")
        if metric is None:
            metric = _chosen_metric(task, found, doc, context)
        yield Question(
            id=name,
            values={"task": stratum_value(task)},
            prompt=context,
            references=_targets(found, doc),
            judge=TaskMetric(task=found, doc=doc, context=context, metric=metric),
            max_new_tokens=int(options.get("max_gen_toks") or options.get("max_new_tokens") or DEFAULT_TOKENS),
            stop=tuple(each for each in stop if each),
        )


def _targets(found: Any, doc: Any) -> tuple[str, ...]:
    target = found.doc_to_target(doc)
    return tuple(map(str, target)) if isinstance(target, list | tuple) else (str(target),)


def _chosen_metric(task: str, found: Any, doc: Any, context: str) -> str:
    """The metric by which answers are scored: one number in [0, 1] for each of them."""
    targets = _targets(found, doc)
    try:
        scores = metric_of(found, doc, context, targets[0] if targets else "")
    except Exception as error:  # foreign code, as above
        raise SliceError(
            f"lm_eval:{task}: its metric fails on its own target: {type(error).__name__}: {first_line(error)}"
        ) from error
    usable = [name for name, score in scores.items() if _is_score(score)]
    if not usable:
        raise SliceError(f"lm_eval:{task} has no metric in [0, 1] for a single answer (it has {', '.join(scores)})")
    return next((name for name in _METRICS if name in usable), usable[0])


def _is_score(score: Any) -> bool:
    return not isinstance(score, tuple | list | str) and hasattr(score, "__float__") and 0.0 <= float(score) <= 1.0


def _card(task: str, found: Any, kind: str, questions: Sequence[Question]) -> Card:
    modes: dict[str, str] = {}
    for judge in {type(question.judge): question.judge for question in questions}.values():
        modes.update(judge.modes)
    if kind == "multiple_choice":
        scoring = "1 if the answer names the right option by its letter or text; an answer that names several is wrong."
        limits = (
            "lm_eval compares log-likelihoods of the options and may show examples; here a question is asked without "
            "examples, so scores are not those of lm_eval."
        )
    else:
        metric = next((each.judge.metric for each in questions if isinstance(each.judge, TaskMetric)), "its metric")
        scoring = f"The task's first filter, then its metric '{metric}' for each answer."
        limits = "Prompt, examples and metric are the task's; other filters and metrics of it are not reported."
    return Card(
        catches=f"What the task {task} of lm-evaluation-harness catches.",
        why="A published number to compare with, or a task that you have written already.",
        scoring=scoring,
        provenance=f"Task {task}, version {found.VERSION}, of the installed lm_eval.",
        licence="The task's own.",
        failure_modes=modes,
        limits=f"{limits} A fixed set: it ends, and models may have seen it.",
        owner="tailgate maintainers",
        review_by="2027-06-30",
    )
