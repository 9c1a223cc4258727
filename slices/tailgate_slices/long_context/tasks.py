"""The plan of every task but `kv`, whose list of lines is all needles."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Set
from types import MappingProxyType

from tailgate_slices.drawing import pick_distinct
from tailgate_slices.item import Attribute
from tailgate_slices.long_context.plans import Needle, Plan, Question, Scene, lookalike
from tailgate_slices.long_context.words import CALLINGS, KINDS, SYMBOLS

SHORT = 512  # below that many tokens a plan makes do with fewer needles
# Answerable questions and unanswerable ones are worded alike: the wording says nothing about which one it is.
ABSTAIN = "If the text does not give it, answer: not mentioned."
_CODE = "The code of the {} is {}."


def multikey(scene: Scene) -> Plan:
    """One code asked for among the codes of other keys."""
    needles, questions = [], []
    for decile in scene.deciles:
        key, code = next(scene.keys), next(scene.codes)
        needles.append(Needle(place=scene.pinned(decile), text=_CODE.format(key, code)))
        questions.append(_ask_code(key, code, decile))
    return Plan(needles=(*needles, *_others(scene, 128, 120)), questions=tuple(questions))


def absent(scene: Scene) -> Plan:
    """The code of a key that the text does not give; at the depth stands one that looks alike."""
    needles, questions, asked = [], [], [next(scene.keys) for _ in scene.deciles]
    taken = set(asked)
    for key, decile in zip(asked, scene.deciles, strict=True):
        alike = lookalike(scene.rng, key, taken)
        taken.add(alike)
        needles.append(Needle(place=scene.pinned(decile), text=_CODE.format(alike, next(scene.codes))))
        questions.append(_ask_code(key, f"There is no code for the {key}.", decile))
    others = _others(scene, 128, 120, taken)
    return Plan(needles=(*needles, *others), questions=tuple(questions))


def multivalue(scene: Scene) -> Plan:
    """All codes of a key that has several."""
    needles, questions, n = [], [], 2 if scene.length < SHORT else 3
    for decile in scene.deciles:
        key, codes = next(scene.keys), [next(scene.codes) for _ in range(n)]
        places = (scene.pinned(decile), *(scene.anywhere() for _ in codes[1:]))
        needles += [
            Needle(place=place, text=f"One code of the {key} is {code}.")
            for place, code in zip(places, codes, strict=True)
        ]
        text = f"The text gives {n} codes of the {key}. Write all {n} codes."
        questions.append(Question(text=text, reference=", ".join(codes), decile=decile, facts={"key": key}))
    return Plan(needles=(*needles, *_others(scene, 256, 40)), questions=tuple(questions))


def multiquery(scene: Scene) -> Plan:
    """The codes of several keys, in the order asked for; the first one stands at the depth."""
    needles, questions, n = [], [], 2 if scene.length < SHORT else 3
    for decile in scene.deciles:
        keys, codes = [next(scene.keys) for _ in range(n)], [next(scene.codes) for _ in range(n)]
        places = (scene.pinned(decile), *(scene.anywhere() for _ in codes[1:]))
        needles += [
            Needle(place=place, text=_CODE.format(key, code))
            for place, key, code in zip(places, keys, codes, strict=True)
        ]
        named = f"{', '.join(f'the {key}' for key in keys[:-1])} and the {keys[-1]}"
        text = f"Write the codes of {named}, in this order."
        questions.append(Question(text=text, reference=", ".join(codes), decile=decile, facts={"key": "|".join(keys)}))
    return Plan(needles=(*needles, *_others(scene, 256, 40)), questions=tuple(questions))


def tracking(scene: Scene) -> Plan:
    """A code that changes; half of the longer texts hand it on from another key in the last change."""
    needles, questions = [], []
    for decile in scene.deciles:
        key, last = next(scene.keys), scene.pinned(decile, lines_each=4)
        codes = [next(scene.codes) for _ in range(2 if scene.length < SHORT else 3)]
        handed = scene.length >= SHORT and bool(scene.rng.integers(2))
        places = sorted(last * scene.anywhere() for _ in codes[1:])
        needles += _changes(key, codes[:-1], places)
        if handed:
            other = next(scene.keys)
            needles.append(Needle(place=scene.anywhere(), text=f"The code of the {other} is set to {codes[-1]}."))
            end = f"The code of the {key} is changed to the code of the {other}."
        else:
            end = f"The code of the {key} is changed to {codes[-1]}."
        needles.append(Needle(place=last, text=end))
        facts: dict[str, Attribute] = {"key": key, "stale": ", ".join(codes[:-1]), "hops": 1 + handed}
        text = f"What is the code of the {key} after its last change?"
        questions.append(Question(text=text, reference=codes[-1], decile=decile, facts=facts))
    others = [
        Needle(place=scene.anywhere(), text=f"The code of the {next(scene.keys)} is set to {next(scene.codes)}.")
        for _ in range(scene.crowd(256, 24))
    ]
    return Plan(needles=(*needles, *others), questions=tuple(questions))


def common(scene: Scene) -> Plan:
    """The thing of a kind that is noted most often; the mentions by which it leads stand at the depth."""
    needles, questions = [], []
    base = 1 if scene.length < SHORT else 2 if scene.length <= 4096 else 4
    kinds = pick_distinct(scene.rng, tuple(KINDS), len(scene.deciles))
    for kind, decile in zip(kinds, scene.deciles, strict=True):
        things = pick_distinct(scene.rng, KINDS[kind], 3 if scene.length < SHORT else 4)
        places = [(thing, scene.anywhere()) for thing in things for _ in range(base)]
        places += [(things[0], scene.pinned(decile)) for _ in range(2)]
        needles += [Needle(place=place, text=f"Noted: one {thing}.") for thing, place in places]
        text = f"Which {kind} is noted most often in the text? Write its name."
        facts = {"key": kind, "rivals": ", ".join(things[1:])}
        questions.append(Question(text=text, reference=things[0], decile=decile, facts=facts))
    return Plan(needles=tuple(needles), questions=tuple(questions))


def paraphrase(scene: Scene) -> Plan:
    """A person found by what the text says in other words."""
    n = len(scene.deciles) + max(1, scene.crowd(256, 10))
    callings = pick_distinct(scene.rng, CALLINGS, n)
    names = [next(scene.names) for _ in callings]
    places = [scene.pinned(decile) for decile in scene.deciles]
    places += [scene.anywhere() for _ in callings[len(places) :]]
    needles = [
        Needle(place=place, text=says.format(name))
        for place, name, (says, _) in zip(places, names, callings, strict=True)
    ]
    questions = [
        Question(
            text=f"Which person is {calling}? Write the name.",
            reference=name,
            decile=decile,
            facts={"key": calling, "rivals": ", ".join(each for each in names if each != name)},
        )
        for decile, name, (_, calling) in zip(scene.deciles, names, callings, strict=False)
    ]
    return Plan(needles=tuple(needles), questions=tuple(questions))


def join(scene: Scene) -> Plan:
    """A thing left in a place, and in the other of two documents the code that opens the place."""
    needles = [Needle(place=-1.0, text="Document 1"), Needle(place=0.5, text="Document 2")]
    questions = []
    places = [scene.pinned(decile) for decile in scene.deciles]
    places += [scene.anywhere() for _ in range(max(1, scene.crowd(256, 12)))]
    for number, at in enumerate(places):
        name, where, code = next(scene.names), next(scene.places), next(scene.codes)
        first = scene.anywhere() / 2 + (0.5 if at < 0.5 else 0.0)
        needles.append(Needle(place=first, text=f"{name} left a letter in the {where}."))
        needles.append(Needle(place=at, text=f"The {where} opens with the code {code}."))
        if number < len(scene.deciles):
            text = f"Which code opens the place where {name} left a letter?"
            facts = {"key": name, "via": where}
            questions.append(Question(text=text, reference=code, decile=scene.deciles[number], facts=facts))
    return Plan(needles=tuple(needles), questions=tuple(questions))


def symbol(scene: Scene) -> Plan:
    """What a constant of a code listing is set to, or a function of it returns."""
    questions, n = [], len(scene.deciles) + max(1, scene.crowd(128, 120))
    symbols = pick_distinct(scene.rng, SYMBOLS, n)
    places = [scene.pinned(decile) for decile in scene.deciles]
    places += [scene.anywhere() for _ in symbols[len(places) :]]
    needles = []
    for number, (parts, place) in enumerate(zip(symbols, places, strict=True)):
        code, constant = next(scene.codes), bool(scene.rng.integers(2))
        name = parts.upper() if constant else parts
        needles.append(Needle(place=place, text=_definition(scene.listing, name, code)))
        if number < len(scene.deciles):
            ask = f"What number is {name} set to?" if constant else f"What number does {name}() return?"
            facts = {"key": name, "symbol": "constant" if constant else "function"}
            questions.append(Question(text=ask, reference=code, decile=scene.deciles[number], facts=facts))
    return Plan(needles=tuple(needles), questions=tuple(questions))


PLANS: Mapping[str, Callable[[Scene], Plan]] = MappingProxyType(
    {
        "multikey": multikey,
        "multivalue": multivalue,
        "multiquery": multiquery,
        "tracking": tracking,
        "common": common,
        "absent": absent,
        "paraphrase": paraphrase,
        "join": join,
        "symbol": symbol,
    }
)


def _ask_code(key: str, reference: str, decile: int) -> Question:
    text = f"What is the code of the {key}? {ABSTAIN}"
    return Question(text=text, reference=reference, decile=decile, facts={"key": key})


def _others(scene: Scene, tokens_each: int, most: int, taken: Set[str] = frozenset()) -> list[Needle]:
    free = (key for key in scene.keys if key not in taken)
    keys = itertools.islice(free, max(1, scene.crowd(tokens_each, most)))
    return [Needle(place=scene.anywhere(), text=_CODE.format(key, next(scene.codes))) for key in keys]


def _changes(key: str, codes: list[str], places: list[float]) -> list[Needle]:
    verbs = ("set", *("changed" for _ in codes[1:]))
    return [
        Needle(place=place, text=f"The code of the {key} is {verb} to {code}.")
        for place, verb, code in zip(places, verbs, codes, strict=True)
    ]


def _definition(language: str, name: str, code: str) -> str:
    if language == "python":
        return f"{name} = {code}" if name.isupper() else f"def {name}():\n    return {code}"
    return f"const {name} = {code};" if name.isupper() else f"function {name}() {{\n  return {code};\n}}"
