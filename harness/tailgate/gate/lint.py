"""Which thresholds did a new gate weaken? For review of a changed gate file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tailgate.config import GateConfig, value_for
from tailgate.records import CellKey

CALIBRATED = "by calibration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weakening:
    """One threshold that the new gate holds less strictly, for a slice, a cell or by default."""

    setting: str
    target: str
    old: str
    new: str
    why: str

    def __str__(self) -> str:
        return f"{self.setting} of {self.target}: {self.old} -> {self.new} ({self.why})"


def weakened(old: GateConfig, new: GateConfig) -> tuple[Weakening, ...]:
    """What `new` holds less strictly than `old`; empty where nothing is.

    Notes
    -----
    A margin that calibration sets lies anywhere between its floor and its ceiling, so changing to or from a stated
    margin counts as weaker wherever it may be. Chance and the factor of informativeness can be changed in a way that
    excludes cells as well as in one that lets weak cells pass: every change of them is listed.
    """
    found = [*_numbers(old, new), *_changes(old, new)]
    for target in ("default", *sorted(old.named_targets() | new.named_targets())):
        found += _targets(old, new, target)
    return tuple(found)


def _numbers(old: GateConfig, new: GateConfig) -> Iterator[Weakening]:
    raised = (
        ("alpha", "verdicts err more often"),
        ("margin_relative", "a larger loss passes"),
        ("margin_floor", "a larger loss passes"),
        ("margin_ceiling", "a larger loss passes"),
    )
    for name, why in raised:
        if getattr(new, name) > getattr(old, name):
            yield _all(name, old, new, why)
    if new.calibration_items < old.calibration_items:
        yield _all("calibration_items", old, new, "fewer cells can be shown to be informative")


def _changes(old: GateConfig, new: GateConfig) -> Iterator[Weakening]:
    if new.informative_factor > old.informative_factor:
        yield _all("informative_factor", old, new, "more cells are left out as uninformative")
    if new.informative_factor < old.informative_factor:
        yield _all("informative_factor", old, new, "cells pass on which the baseline shows little")


def _all(name: str, old: GateConfig, new: GateConfig, why: str) -> Weakening:
    return Weakening(
        setting=name, target="every cell", old=f"{getattr(old, name):g}", new=f"{getattr(new, name):g}", why=why
    )


def _targets(old: GateConfig, new: GateConfig, target: str) -> Iterator[Weakening]:
    key = _as_key(target)
    stated = (value_for(old.margin, key), value_for(new.margin, key))
    # Two calibrated margins are compared by the numbers that calibration takes.
    if stated != (None, None) and stated[0] != stated[1] and _widest(new, key) > _narrowest(old, key):
        yield _named("margin", target, stated, "a larger loss may pass")
    for name, why in (("max_items", "fewer losses can be shown"), ("min_items", "a verdict takes fewer items")):
        default = int(GateConfig.model_fields[name].default)
        counts = [value_for(getattr(gate, name), key) or default for gate in (old, new)]
        if counts[1] < counts[0]:
            yield Weakening(setting=name, target=target, old=str(counts[0]), new=str(counts[1]), why=why)
    chance = (value_for(old.chance, key), value_for(new.chance, key))
    if chance[0] != chance[1]:
        yield _named("chance", target, chance, "margins and informativeness are measured from it")


def _narrowest(gate: GateConfig, key: CellKey) -> float:
    stated = value_for(gate.margin, key)
    return gate.margin_floor if stated is None else stated


def _widest(gate: GateConfig, key: CellKey) -> float:
    stated = value_for(gate.margin, key)
    return gate.margin_ceiling if stated is None else stated


def _named(name: str, target: str, values: tuple[float | None, float | None], why: str) -> Weakening:
    old, new = (CALIBRATED if value is None else f"{value:g}" for value in values)
    if name == "chance":
        old, new = (text.replace(CALIBRATED, "the slice's") for text in (old, new))
    return Weakening(setting=name, target=target, old=old, new=new, why=why)


def _as_key(target: str) -> CellKey:
    name, _, stratum = target.partition("/")
    return CellKey(slice=name, stratum=stratum)
