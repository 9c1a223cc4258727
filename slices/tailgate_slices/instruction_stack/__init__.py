"""A simple task under a system prompt of machine-checkable rules: how many can a model keep at once?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from tailgate_slices.declining import declines
from tailgate_slices.drawing import fixed_values, item_id, pick
from tailgate_slices.grading import COMMON_MODES, failure, is_loop
from tailgate_slices.instruction_stack.reading import Reading
from tailgate_slices.instruction_stack.rule import FAMILIES, Rule, pack, unpack
from tailgate_slices.instruction_stack.stack import KINDS, Stack, draw_stack
from tailgate_slices.item import Answer, Card, Grade, Item, Slice, TokenCounter, item_rng

__all__ = ["Coverage", "InstructionStack", "coverage", "coverage_lines"]

# Room for the longest reference of so many rules, and for an answer half as long again.
ANSWER_TOKENS: Mapping[int, int] = MappingProxyType({1: 96, 2: 96, 3: 96, 5: 128, 8: 144, 12: 192, 20: 256, 40: 384})

COVERED_ITEMS = 600  # that a coverage table counts: every kind of rule should occur in so many


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many items of a draw hold a rule of each kind."""

    n_items: int
    items: Mapping[str, int]  # kind of rule -> items that hold one, zero included

    @property
    def missing(self) -> tuple[str, ...]:
        """Kinds of rules without an item."""
        return tuple(kind for kind, count in self.items.items() if not count)


class InstructionStack(Slice):
    """A short text on a topic that must keep as many rules of the system prompt as the stratum says."""

    name = "instruction_stack"
    version = "3"
    uses_system = True
    axes: Mapping[str, tuple[str, ...]] = MappingProxyType(
        {"rules": ("1", "2", "3", "5", "8", "12", "20", "40"), "kind": ("content", "format", "lexical", "mixed")}
    )
    card = Card(
        catches="Instructions dropped when many hold at once: a curve of rules kept over their number.",
        why="System prompts of products are stacks of rules, and each rule is a weak signal that noise drowns first.",
        scoring=(
            "1 if the answer mentions its topic and keeps every rule, each checked by a program; else 0. Signals: the "
            "share of rules kept, in all and by family, a curve over the strata; and for each kind of rule the share "
            "kept of those asked for, over all strata. An answer that is empty, a loop or a refusal keeps none."
        ),
        provenance="Generated rules and texts; no text of others.",
        licence="Apache-2.0",
        failure_modes={
            **COMMON_MODES,
            "broke_one": "one rule broken",
            "broke_some": "two rules or more broken, at most half of them",
            "broke_most": "more than half of the rules broken, and two or more",
            "off_task": "keeps the rules, but not the word that the task asks for",
        },
        limits=(
            "English; one turn. Where a model's template takes no system message, the rules stand before the task in "
            "the user's. Sense is not judged. An answer cut off at the budget is judged as it stands. Some rules "
            f"follow from others of the same prompt. Kinds of rules: {len(KINDS)}; without an item in a draw of "
            f"{COVERED_ITEMS} over all cells: none."
        ),
    )

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """Draw the families of rules, a text, and rules that it keeps."""
        fixed = fixed_values(self, stratum)
        rng = item_rng(self.name, self.version, seed, stratum, index)
        n_rules = int(fixed["rules"] if "rules" in fixed else pick(rng, self.axes["rules"]))
        kind = fixed["kind"] if "kind" in fixed else pick(rng, self.axes["kind"])
        stack = draw_stack(rng, n_rules, kind)
        return Item(
            id=item_id(self, stratum, seed, index),
            slice=self.name,
            stratum=stratum,
            index=index,
            system=system_prompt(stack.rules),
            prompt=stack.draft.task,
            references=(stack.draft.text,),
            max_new_tokens=ANSWER_TOKENS[n_rules],
            attributes={"rules": n_rules, "kind": kind, **_described(stack)},
        )

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Check every rule; all must be kept for a score."""
        rules = unpack(str(item.attributes["spec"]), KINDS)
        seen = Reading.of(answer.text)
        kept = [rule.kept_by(seen) for rule in rules]
        on_task = str(item.attributes["topic"]) in seen.counts
        counts = bool(seen.words) and not declines(seen.text, reproof=False) and not is_loop(seen.text)
        signals = _signals(rules, [each and counts for each in kept])
        if not counts:
            return replace(failure(answer, "broke_most"), signals=signals)
        if on_task and all(kept):
            return Grade(score=1.0, failure_mode=None, signals=signals)
        mode = "length" if answer.finish_reason == "length" else _mode(kept)
        return Grade(score=0.0, failure_mode=mode, signals=signals)

    def min_context(self, stratum: str) -> int:
        """The task, up to 28 tokens a rule, room for the chat template, and the answer."""
        fixed = fixed_values(self, stratum)
        n_rules = int(fixed.get("rules", self.axes["rules"][-1]))
        return 128 + 28 * n_rules + ANSWER_TOKENS[n_rules]


def system_prompt(rules: Sequence[Rule]) -> str:
    """The rules as a list; a single one as a sentence."""
    if len(rules) == 1:
        return f"Follow this rule in your answer: {rules[0].text}"
    listed = "\n".join(f"{n}. {rule.text}" for n, rule in enumerate(rules, 1))
    return f"Follow all of these rules in your answer.\n{listed}"


@cache
def coverage(n_items: int = COVERED_ITEMS, seed: int = 0) -> Coverage:
    """Count the items that hold each kind of rule, in a draw spread evenly over the cells of both axes."""
    maker = InstructionStack()
    cells = [f"rules={n},kind={kind}" for n in maker.axes["rules"] for kind in maker.axes["kind"]]
    found: Counter[str] = Counter()
    for index in range(n_items):
        item = maker.item(stratum=cells[index % len(cells)], seed=seed, index=index, tokens=None)
        found.update({rule.kind.name for rule in unpack(str(item.attributes["spec"]), KINDS)})
    return Coverage(n_items=n_items, items=MappingProxyType({kind: found[kind] for kind in KINDS}))


def coverage_lines(n_items: int = COVERED_ITEMS, seed: int = 0) -> tuple[str, ...]:
    """The coverage as a table for a terminal, the rarest kinds first, and the kinds without an item; in a second."""
    found = coverage(n_items, seed)
    rarest_first = sorted(found.items.items(), key=lambda each: each[1])
    return (
        f"{'kind of rule':24}{'family':10}items of {n_items}",
        *(f"{kind:24}{KINDS[kind].family:10}{count}" for kind, count in rarest_first),
        f"kinds without an item: {', '.join(found.missing) or 'none'}",
    )


def _described(stack: Stack) -> dict[str, str | int]:
    draft = stack.draft
    return {
        "topic": draft.topic,
        "shape": draft.shape,
        "case": draft.case,
        "reference_words": len(draft.text.split()),
        "spec": pack(stack.rules),
    }


def _signals(rules: Sequence[Rule], kept: Sequence[bool]) -> dict[str, float]:
    """Shares of rules kept: of all, of those of each family, of those of each kind; what is not asked has no share."""
    shares: dict[str, list[bool]] = {f"kept.{family}": [] for family in FAMILIES}
    for rule, each in zip(rules, kept, strict=True):
        shares[f"kept.{rule.kind.family}"].append(each)
        shares.setdefault(f"rule/{rule.kind.name}", []).append(each)
    return {"rules_kept": sum(kept) / len(kept), **{name: sum(own) / len(own) for name, own in shares.items() if own}}


def _mode(kept: Sequence[bool]) -> str:
    broken = len(kept) - sum(kept)
    if broken == 0:
        return "off_task"
    if broken == 1:
        return "broke_one"
    return "broke_some" if 2 * broken <= len(kept) else "broke_most"
