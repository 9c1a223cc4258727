"""The main job: compare a baseline with its candidates on a suite, and decide."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tailgate.config import GateConfig, load_gate
from tailgate.device import choose_device
from tailgate.errors import ConfigError, OutputError, RunFolderError, SetupError, UsageError
from tailgate.gate import plan_gate, with_controls
from tailgate.gate.columns import OutcomeColumns
from tailgate.gate.discover import discover
from tailgate.pipeline.checks import (
    cell_spec,
    check_ends,
    check_kv,
    check_pair,
    inapplicable_strata,
    served_part,
    ungraded_strata,
)
from tailgate.pipeline.confirm import Confirming, confirm_parts
from tailgate.pipeline.control_records import Controls
from tailgate.pipeline.controls import run_controls
from tailgate.pipeline.decide import decide_outcomes
from tailgate.pipeline.engines import choose_engine
from tailgate.pipeline.executors import Executor, open_executor
from tailgate.pipeline.health import health_warnings, keep_history
from tailgate.pipeline.history import record_run
from tailgate.pipeline.manifest import Frozen, finish_manifest, opening_manifest, start_manifest
from tailgate.pipeline.options import CompareOptions, Observer, Silent
from tailgate.pipeline.pairs import ItemSource
from tailgate.pipeline.rounds import Stopping, answer_ahead, calibrate, run_candidate
from tailgate.pipeline.settings import check_same_engine, engine_of, engine_settings, mixed_engines
from tailgate.pipeline.sides import EngineChoice, Side
from tailgate.pipeline.traffic import Traffic, describe_traffic, look_at_traffic
from tailgate.records import CellKey, PairedOutcome, RunVerdict
from tailgate.report.model import build_view
from tailgate.report.render import FORMATS, file_name, render
from tailgate.store.run_folder import NOISE, POSITIVE, RunFolder, read_manifest
from tailgate.store.transcripts import Store
from tailgate.variants.variant import Variant, resolve
from tailgate_slices.item import SliceError
from tailgate_slices.sandbox import UNSAFE_VARIABLE
from tailgate_slices.suites import Suite, load_suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished comparison."""

    path: Path
    verdict: RunVerdict
    manifest: dict[str, Any]


def compare_variants(options: CompareOptions, observer: Observer | None = None) -> Result:
    """Run a comparison from start to reports.

    Raises
    ------
    UsageError
        The request is wrong: unknown variant, suite, gate or folder.
    SetupError
        The machine lacks a package, a model, memory or disk space.
    IntegrityError
        The two sides do not belong together.
    """
    observer = observer or Silent()
    started = time.monotonic()
    if options.session is None:
        options = replace(options, session=secrets.token_hex(8))
    if options.unsafe_exec:
        os.environ[UNSAFE_VARIABLE] = "1"
    suite, gate_name, gate = _load_rules(options)
    with (
        open_executor(options, choose_device(options.device)) as executor,
        RunFolder(_run_path(options), resume=options.resume is not None) as folder,
    ):
        store = Store(options.store or default_store())
        opened: list[Side] = []
        try:
            if options.resume is None:
                folder.write_manifest(opening_manifest(options))
            frozen = _freeze(options, suite, (gate_name, gate), store, observer, executor)
            opened += [frozen.baseline, *frozen.candidates]
            traffic = None if options.traffic is None else look_at_traffic(options.traffic, frozen.tokens)
            manifest = _begin(folder, frozen, options)
            asked = _run_all(frozen, options, _stopping(options, started), observer)
            manifest["discovery"] = _discovery(frozen, asked, options, _stopping(options, started), observer)
            finish_manifest(manifest, frozen, asked.stopped, len(asked.outcomes), asked.controls)
            manifest["executor"] = executor.describe()
            manifest["elapsed_s"] = round(time.monotonic() - started, 1)
            return _finish(folder, manifest, frozen, asked, traffic)
        finally:
            for side in opened:
                side.unload()
            store.close()


def _load_rules(options: CompareOptions) -> tuple[Suite, str, GateConfig]:
    if options.candidates and options.controls == "only":
        raise UsageError("--controls only runs the controls alone: leave the candidates out, or the option")
    if not options.candidates and options.controls != "only":
        raise UsageError("nothing to compare: give at least one candidate behind the baseline")
    if len(set(options.candidates)) < len(options.candidates):
        raise UsageError("a candidate is given twice; give each once")
    try:
        suite = load_suite(options.suite)
    except SliceError as error:
        raise ConfigError(str(error)) from error
    name = options.gate or suite.gate
    gate = load_gate(name)
    if options.max_items is not None:
        if options.max_items < 1:
            raise UsageError(f"--max-items {options.max_items}: give a number of at least 1")
        gate = gate.model_copy(update={"max_items": options.max_items, "min_items": _capped(gate.min_items, options)})
    return suite, name, gate


def _capped(min_items: int | dict[str, int], options: CompareOptions) -> int | dict[str, int]:
    """The gate's floors, lowered to the cap where they lie above it."""
    cap = options.max_items or 0
    if isinstance(min_items, dict):
        return {key: min(value, cap) for key, value in min_items.items()}
    return min(min_items, cap)


def _freeze(
    options: CompareOptions,
    suite: Suite,
    gate: tuple[str, GateConfig],
    store: Store,
    observer: Observer,
    executor: Executor,
) -> Frozen:
    device = choose_device(options.device)
    observer.note("reading models")
    sides = [resolve(text, device) for text in (options.baseline, *options.candidates)]
    for variant in sides[1:]:
        check_pair(sides[0], variant)
    engines = _choose_engines(options, sides, executor)
    mixed = mixed_engines({side.spec.text: engine.name for side, engine in zip(sides, engines, strict=True)})
    for note in filter(None, dict.fromkeys((mixed, *(engine.note for engine in engines)))):
        observer.note(note)
    for variant, engine in zip(sides, engines, strict=True):
        check_kv(variant, engine)
    sides = [served_part(variant, engine) for variant, engine in zip(sides, engines, strict=True)]
    outside = inapplicable_strata(suite, sides)
    for name, reason in outside.items():
        observer.note(f"not applicable: {name} {reason}")
    baseline = Side("baseline", sides[0], store, engines[0], measured=True)
    candidates = tuple(
        Side("candidate", variant, store, engine, measured=True)
        for variant, engine in zip(sides[1:], engines[1:], strict=True)
    )
    _read_facts(baseline, candidates, options)
    keys = [CellKey(slice=cell.slice, stratum=cell.stratum) for cell in suite.cells]
    keys = [key for key in keys if str(key) not in outside]
    seed = suite.seed if options.seed is None else options.seed
    calibration = calibrate(suite, keys, baseline, gate[1].calibration_items, observer)
    specs = [cell_spec(key, gate[1].calibration_items) for key in keys]
    return Frozen(
        suite=suite,
        gate_name=gate[0],
        gate=gate[1],
        seed=seed,
        plan=plan_gate(gate[1], specs, calibration, outside, ungraded_strata(suite, outside)),
        baseline=baseline,
        candidates=candidates,
        fixed_n=options.fixed_n,
    )


def _choose_engines(options: CompareOptions, sides: Sequence[Variant], executor: Executor) -> list[EngineChoice]:
    """The engine of each side; sides that one engine serves share it."""
    settings = engine_settings(options, sides[0].device, options.store or default_store())
    names = [engine_of(variant, options) for variant in sides]
    check_same_engine({side.spec.text: name for side, name in zip(sides, names, strict=True)}, options)
    chosen = {name: executor.spread(choose_engine(name, sides[0].config, settings)) for name in dict.fromkeys(names)}
    return [chosen[name] for name in names]


def _read_facts(baseline: Side, candidates: Sequence[Side], options: CompareOptions) -> None:
    """Fingerprint every side before anything is answered, holding at most the baseline and one other.

    A single candidate stays in memory where it is asked next; with controls the positive control comes first.
    """
    baseline.facts()
    next_asked = len(candidates) == 1 and options.controls == "none" and options.residency == "both"
    for candidate in candidates:
        if options.residency == "one":
            baseline.unload()
        check_ends(baseline, candidate.facts(donor=baseline), candidate.variant.spec.text)
        if not next_asked:
            candidate.unload()


def _begin(folder: RunFolder, frozen: Frozen, options: CompareOptions) -> dict[str, Any]:
    if options.resume is not None:
        earlier = read_manifest(folder.path)
        if earlier["status"] != "starting" and earlier.get("frozen_sha256") != frozen.sha256:
            raise RunFolderError(
                f"{folder.path} was started with another suite, gate, seed, model or engine; start a new run with --out"
            )
    manifest = start_manifest(frozen, options)
    folder.write_manifest(manifest)
    folder.begun = True
    return manifest


@dataclass(slots=True, kw_only=True)
class Asked:
    """Everything that was asked in a run, and why asking a candidate ended early, if it did."""

    controls: Controls = field(default_factory=Controls)
    outcomes: list[PairedOutcome] = field(default_factory=list)
    stopped: dict[str, str] = field(default_factory=dict)


def _stopping(options: CompareOptions, started: float) -> Stopping:
    deadline = started + options.budget_s if options.budget_s is not None else None
    return Stopping(fixed_n=options.fixed_n, fail_fast=options.fail_fast, deadline=deadline)


def _run_all(frozen: Frozen, options: CompareOptions, stopping: Stopping, observer: Observer) -> Asked:
    source = ItemSource(seed=frozen.seed, side=frozen.baseline)
    asked = Asked()
    if options.residency == "one":
        answer_ahead(frozen.plan, source, observer)
        frozen.baseline.unload()
    if options.controls != "none":
        asked.controls = run_controls(frozen.plan, source, stopping, observer)
        if options.controls == "only" and not (asked.controls.noise or asked.controls.positive):
            raise SetupError(f"no control could be run: {'; '.join(asked.controls.missing)}")
    plan = with_controls(frozen.plan, asked.controls.judged(frozen.plan))
    for candidate in frozen.candidates:
        run = run_candidate(plan, source, candidate, stopping, observer)
        asked.outcomes += run.outcomes
        if run.stopped:
            asked.stopped[candidate.variant.spec.text] = run.stopped
        candidate.unload()
    return asked


def _finish(
    folder: RunFolder, manifest: dict[str, Any], frozen: Frozen, asked: Asked, traffic: Traffic | None
) -> Result:
    verdict = decide_outcomes(
        manifest, frozen.plan, OutcomeColumns.of(asked.outcomes), asked.controls.judged(frozen.plan)
    )
    folder.write_outcomes(asked.outcomes)
    for name, outcomes in ((NOISE, asked.controls.noise), (POSITIVE, asked.controls.positive)):
        if outcomes:
            folder.write_outcomes(outcomes, name)
    if traffic is not None:
        manifest["traffic"] = describe_traffic(traffic, frozen.suite, verdict.candidates)
    manifest["notes"] += _health(frozen, manifest["created_utc"], verdict, asked)
    manifest["notes"] += _recorded(frozen, manifest, verdict, folder.path)
    view = build_view(verdict, manifest, asked.outcomes)
    for form in FORMATS:
        folder.write_text(file_name(form), render(view, form))
    folder.write_manifest(manifest)
    return Result(path=folder.path, verdict=verdict, manifest=manifest)


def _health(frozen: Frozen, created_utc: str, verdict: RunVerdict, asked: Asked) -> list[str]:
    """What the history of the cells warns of. Answers and verdict do not hang on it, so a failure is a note."""
    history = frozen.baseline.store.history
    try:
        keep_history(history, frozen, created_utc, verdict, asked.controls.positive_cells(frozen.plan))
        return health_warnings(history, frozen)
    except OutputError as error:
        return [f"the history of the cells was not kept: {error}"]


def _recorded(frozen: Frozen, manifest: dict[str, Any], verdict: RunVerdict, path: Path) -> list[str]:
    """Keep the run for `tailgate history`; a note where that fails, or where the baseline is not the blessed one."""
    try:
        return record_run(frozen, manifest, verdict, path)
    except OutputError as error:
        return [f"the run was not kept in the history: {error}"]


def _discovery(
    frozen: Frozen, asked: Asked, options: CompareOptions, stopping: Stopping, observer: Observer
) -> dict[str, Any]:
    """By candidate: the parts of the slices that lost most, and what fresh items say of them, where that was asked."""
    found: dict[str, Any] = {}
    source = ItemSource(seed=frozen.seed, side=frozen.baseline)
    for side in frozen.candidates:
        name = side.variant.spec.text
        search = discover([each for each in asked.outcomes if each.candidate == name], frozen.plan.alpha)
        found[name] = search.to_dict()
        if options.confirm:
            rules = Confirming(stopping=stopping, one_at_a_time=options.residency == "one")
            tested = confirm_parts(search.parts, frozen.plan, source, side, rules, observer)
            found[name]["confirmed"] = [each.to_dict() for each in tested]
            side.unload()
    return found


def _run_path(options: CompareOptions) -> Path:
    if options.resume is not None:
        return options.resume
    if options.out is not None:
        return options.out
    now = datetime.now(UTC)
    asked = repr(replace(options, argv=())) + now.isoformat() + str(os.getpid())
    short = hashlib.sha256(asked.encode()).hexdigest()[:8]
    return Path("results/runs") / f"{now.strftime('%Y%m%dT%H%M%SZ')}-{short}"


def default_store() -> Path:
    """Folder of the store: TAILGATE_STORE, else XDG_CACHE_HOME/tailgate, else ~/.cache/tailgate."""
    if named := os.environ.get("TAILGATE_STORE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tailgate"
