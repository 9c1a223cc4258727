"""Words that needles are made of. Filler uses none of the names and things here: it cannot contradict a needle."""

from __future__ import annotations

import itertools

# Plain nouns and adjectives, one or two tokens each in common vocabularies.
ADJECTIVES = (
    *("red", "blue", "green", "black", "white", "brown", "golden", "silver", "big", "small", "old", "new", "cold"),
    *("warm", "soft", "round", "flat", "light", "dark", "heavy", "quiet", "sharp", "clean", "dry", "wet", "tall"),
    *("thin", "thick", "long", "short", "wide", "narrow", "empty", "full", "broken", "wooden", "plastic", "paper"),
    *("iron", "glass"),
)
NOUNS = (
    *("book", "lamp", "coin", "shell", "drum", "key", "clock", "rope", "ring", "bell", "stone", "cup", "kite", "hat"),
    *("fork", "map", "pen", "boat", "ball", "flag", "box", "chair", "table", "door", "window", "bottle", "basket"),
    *("candle", "mirror", "shoe", "shirt", "coat", "bag", "wheel", "knife", "spoon", "plate", "bowl", "brush"),
    "bridge",
)
CONTAINERS = ("box", "chest", "locker", "drawer", "cabinet", "safe", "crate", "trunk", "cupboard", "bin")

KEYS = tuple(f"{adjective} {noun}" for adjective in ADJECTIVES for noun in NOUNS)
# Where a list is longer than there are keys of two words, all of its keys have three.
LONG_KEYS = tuple(
    f"{first} {second} {noun}" for first, second in itertools.combinations(ADJECTIVES, 2) for noun in NOUNS
)
PLACES = tuple(f"{adjective} {noun}" for adjective in ADJECTIVES for noun in CONTAINERS)

NAMES = (
    *("Odile", "Bruno", "Tamsin", "Idris", "Marit", "Quentin", "Zora", "Pavel", "Ingrid", "Lionel", "Noemi", "Rufus"),
    *("Saskia", "Cedric", "Yvette", "Magnus", "Petra", "Hamish", "Leonie", "Tobias", "Wanda", "Emil", "Farah"),
    "Gideon",
)

# What somebody does, and what such a person is called: no content word in common.
CALLINGS = (
    ("{} pulls bad teeth and fills holes in them.", "a dentist"),
    ("{} gets up at three to put loaves into the oven.", "a baker"),
    ("{} crosses the ocean above the clouds, with rows of strangers in the seats behind.", "a pilot"),
    ("{} cuts hedges and waters roses for other households.", "a gardener"),
    ("{} explains fractions to thirty children at the blackboard.", "a teacher"),
    ("{} puts fresh bandages on wounds in the night ward.", "a nurse"),
    ("{} decides how long thieves stay behind bars.", "a judge"),
    ("{} crawls under sinks to stop leaks.", "a plumber"),
    ("{} shaves beards with a razor.", "a barber"),
    ("{} sews trousers and shortens sleeves.", "a tailor"),
    ("{} collects honey from forty hives.", "a beekeeper"),
    ("{} measures how bright distant stars are.", "an astronomer"),
    ("{} turns Spanish novels into Danish ones.", "a translator"),
    ("{} builds wardrobes out of pine boards.", "a carpenter"),
    ("{} slices pork chops behind a counter.", "a butcher"),
    ("{} rushes to burning houses with a ladder and a hose.", "a firefighter"),
    ("{} grinds lenses for spectacles.", "an optician"),
    ("{} gives injections to sick cows.", "a vet"),
)

# Kinds of things that are noted now and then, and things of each kind; none begins with a vowel.
KINDS = {
    "bird": ("heron", "robin", "crow", "swan", "finch", "gull"),
    "tree": ("birch", "maple", "willow", "cedar", "poplar", "larch"),
    "instrument": ("violin", "flute", "harp", "trumpet", "cello", "banjo"),
    "wild animal": ("fox", "hare", "badger", "deer", "beaver", "wolf"),
    "fish": ("trout", "salmon", "carp", "pike", "perch", "herring"),
}

SYMBOL_PARTS = (
    ("max", "min", "base", "last", "first", "soft", "hard", "idle"),
    ("retry", "queue", "cache", "frame", "packet", "session", "batch", "buffer", "worker", "upload"),
    ("limit", "size", "delay", "count", "offset"),
)
SYMBOLS = tuple("_".join(parts) for parts in itertools.product(*SYMBOL_PARTS))
