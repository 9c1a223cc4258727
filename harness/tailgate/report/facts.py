"""The conditions of a run, from its manifest: what was compared, where, with what, and what was not done.

A manifest may come from an unfinished run, from logs or from a newer writer: a key that is absent or of an
unexpected kind is shown as not recorded, never guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tailgate.records import RunVerdict
from tailgate.report.text import NOT_RECORDED, one_line, percent, points
from tailgate.report.view import Fact, FactGroup

_FINISHED = ("finished", "complete", "completed")
_VALUE_LIMIT = 500


def section(manifest: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The table under `key`, empty where there is none."""
    value = manifest.get(key)
    return value if isinstance(value, Mapping) else {}


def fact_groups(manifest: Mapping[str, Any], verdict: RunVerdict) -> tuple[FactGroup, ...]:
    """Everything that a reader needs to repeat the run, in groups."""
    groups = [
        _group("Run", _pick(manifest, "status", "created_utc", "finished_utc", "elapsed_s", "argv")),
        _group("Suite", _pick(section(manifest, "suite"), "name", "version", "seed", "sha256")),
        _gate(section(manifest, "gate"), verdict),
        _group("Baseline", _variant(section(manifest, "baseline"))),
        *(_group(f"Candidate {number}", facts) for number, facts in enumerate(_candidates(manifest), start=1)),
        _group("Engine", _engine(manifest)),
        *_searches(section(manifest, "discovery")),
        *_traffic(section(manifest, "traffic")),
        _group("Work done", _work(section(manifest, "counters"))),
        _group("Software", _all(section(manifest, "versions"))),
    ]
    return tuple(groups)


def notices(manifest: Mapping[str, Any], verdict: RunVerdict) -> tuple[str, ...]:
    """What must be read before the verdict is trusted: substitutions, things not run, an unfinished run."""
    found = [*_status(manifest), *_not_run(manifest, verdict), *_gate_changed(manifest, verdict)]
    notes = [*_texts(manifest.get("notes")), *_texts(section(manifest, "baseline").get("notes"))]
    for each in _mappings(manifest.get("candidates")):
        notes += _texts(each.get("notes"))
    return (*found, *dict.fromkeys(notes))


def noise_floor(verdict: RunVerdict) -> str:
    """The measured noise floor in words, or that there is none."""
    floor = verdict.noise_floor
    if floor is None or not floor.get("n") or "discordant" not in floor:
        return "not run"
    share = percent(floor["discordant"] / floor["n"])
    return f"{floor['discordant']:,} of {floor['n']:,} items changed when the baseline ran against itself ({share})"


def _status(manifest: Mapping[str, Any]) -> list[str]:
    status = manifest.get("status")
    if status is None or status in _FINISHED:
        return []
    return [f"The run did not finish: its status is '{show(status)}'."]


def _not_run(manifest: Mapping[str, Any], verdict: RunVerdict) -> list[str]:
    if any("controls" in note for note in _texts(manifest.get("notes"))):
        return []
    found = []
    if verdict.controls in ("", "not run"):
        found.append("Controls were not run: nothing here shows that these cells would notice a broken model.")
    if verdict.noise_floor is None:
        found.append("The noise floor was not measured: nothing here shows how much this machine varies by itself.")
    return found


def _gate_changed(manifest: Mapping[str, Any], verdict: RunVerdict) -> list[str]:
    recorded = section(manifest, "gate").get("sha256")
    if recorded is None or recorded == verdict.gate_sha256:
        return []
    return [
        "Decided again by another gate than the run was planned with: "
        f"{one_line(verdict.gate_sha256, 80)} instead of {show(recorded)}."
    ]


def _gate(gate: Mapping[str, Any], verdict: RunVerdict) -> FactGroup:
    own = _pick(gate, "name")
    own.append(Fact(label="sha256 (of the verdict)", value=one_line(verdict.gate_sha256, 80) or NOT_RECORDED))
    return _group("Gate", own + _all(section(gate, "config")))


def _variant(variant: Mapping[str, Any]) -> list[Fact]:
    own = _pick(variant, "spec", "fingerprint", "method", "storage_dtype", "compute_dtype")
    if variant.get("kv"):
        declared = variant["kv"] == "stored"
        told = "stored as the checkpoint declares" if declared else f"stored as {show(variant['kv'])}"
        own.append(Fact(label="keys and values", value=told))
    if variant.get("execution"):
        own.append(Fact(label="quantized layers", value=f"computed {show(variant['execution'])}"))
    return own


def _candidates(manifest: Mapping[str, Any]) -> list[list[Fact]]:
    return [
        [*_variant(each), *_pick(each, "lossless", "changed_tensors")]
        for each in _mappings(manifest.get("candidates")) or [{}]
    ]


def _engine(manifest: Mapping[str, Any]) -> list[Fact]:
    rest = _pick(manifest, "device", "template_sha256", "tokenizer_sha256", "ignored_generation_config")
    executor = section(manifest, "executor")
    where = [Fact(label="executor", value=_pairs(executor))] if executor else []
    programs = _programs(section(manifest, "sandboxes"))
    return _pick(section(manifest, "engine"), "name", "version") + where + rest + programs


def _pairs(table: Mapping[str, Any]) -> str:
    return ", ".join(f"{_label(key)} {show(value)}" for key, value in table.items())


def _programs(sandboxes: Mapping[str, Any]) -> list[Fact]:
    """What ran the programs that models wrote, where any were run."""
    ran = ", ".join(f"{language} in {show(name)}" for language, name in sandboxes.items())
    return [Fact(label="generated programs", value=one_line(ran))] if ran else []


def _traffic(found: Mapping[str, Any]) -> list[FactGroup]:
    """What the deltas mean for the traffic that was given; descriptive."""
    if not found:
        return []
    facts = [
        Fact(label="prompts", value=show(found.get("prompts"))),
        Fact(label="no cell stands for", value=f"{share(found.get('uncovered'))} of it"),
        Fact(label="kinds", value=_shares(section(found, "families"))),
        Fact(label="kinds that no cell stands for", value=_shares(section(found, "uncovered_families"))),
        Fact(label="cells", value=_shares(section(found, "cells"))),
    ]
    for name, each in section(found, "candidates").items():
        if isinstance(each, Mapping):
            weighted = (
                f"{points(each.get('mean'))} points by traffic, {points(each.get('worst'))} by the worst cell of each"
            )
            said = f"{weighted}, over {share(each.get('measured_share'))} of it"
            facts.append(Fact(label=one_line(str(name), 80), value=said))
    return [_group("What that means for the traffic given (descriptive)", facts)]


def _shares(table: Mapping[str, Any]) -> str:
    return ", ".join(f"{one_line(str(name), 60)} {share(value)}" for name, value in table.items() if value) or "none"


def share(value: Any) -> str:
    """A share of 1 in percent."""
    return f"{100 * value:.0f} %" if isinstance(value, int | float) else NOT_RECORDED


def _searches(found: Mapping[str, Any]) -> list[FactGroup]:
    """The parts of slices that lost most, by candidate: a search among many, so no verdict."""
    groups = []
    for candidate, search in found.items():
        if not isinstance(search, Mapping):
            continue
        facts = [Fact(label="parts searched", value=show(search.get("searched")))]
        facts += [_part(each) for each in _mappings(search.get("parts"))]
        facts += [_tested(each) for each in _mappings(search.get("confirmed"))]
        facts += [Fact(label="attributes", value=show(", ".join(_texts(search.get("attributes")))))]
        groups.append(_group(f"Where {one_line(str(candidate), 80)} lost most (a search, not a verdict)", facts))
    return groups


def _tested(found: Mapping[str, Any]) -> Fact:
    name = f"fresh items, {found.get('slice')}: {found.get('attribute')} {found.get('value')}"
    said = f"{show(found.get('verdict'))}: {points(found.get('delta'))} points on {show(found.get('n'))} items"
    return Fact(label=one_line(name, 120), value=f"{said}, margin {show(found.get('margin'))}")


def _part(part: Mapping[str, Any]) -> Fact:
    name = f"{part.get('slice')}: {part.get('attribute')} {part.get('value')}"
    raw, shrunk, low, high = (points(part.get(key)) for key in ("raw", "shrunk", "low", "high"))
    return Fact(
        label=one_line(name, 120),
        value=f"{raw} points on {show(part.get('n'))} items; {shrunk} [{low}, {high}] after shrinkage",
    )


def _work(counters: Mapping[str, Any]) -> list[Fact]:
    return [
        Fact(label=one_line(str(side)), value=_pairs(each))
        for side, each in counters.items()
        if isinstance(each, Mapping)
    ]


def _group(title: str, facts: list[Fact]) -> FactGroup:
    return FactGroup(title=title, facts=tuple(facts) or (Fact(label=title.lower(), value=NOT_RECORDED),))


def _pick(table: Mapping[str, Any], *keys: str) -> list[Fact]:
    return [Fact(label=_label(key), value=show(table.get(key))) for key in keys]


def _all(table: Mapping[str, Any]) -> list[Fact]:
    return [Fact(label=_label(key), value=show(value, none="none")) for key, value in sorted(table.items())]


def _label(key: str) -> str:
    return one_line(str(key), 80).replace("_", " ")


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list | tuple) else []


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return [show(value)]
    return [show(each) for each in value] if isinstance(value, list | tuple) else []


def show(value: Any, *, none: str = NOT_RECORDED) -> str:
    """A manifest value on one line; `none` stands for a value that is absent."""
    if value is None or value == "":
        return none
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) and abs(value) >= 10_000 else f"{value:g}"
    return one_line(_text(value), _VALUE_LIMIT) or "none"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return " ".join(value)
    if isinstance(value, Mapping) and not value:
        return "none"
    return json.dumps(value, ensure_ascii=True, default=str, sort_keys=True)
