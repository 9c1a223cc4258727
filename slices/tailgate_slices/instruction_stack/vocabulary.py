"""Words and sentences that reference answers are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

TOPICS: tuple[str, ...] = (
    *("rain", "snow", "tea", "music", "trains", "rivers", "winter", "summer", "markets", "bridges", "forests"),
    *("mountains", "beaches", "libraries", "museums", "bicycles", "gardens", "clouds", "stars", "holidays"),
    *("festivals", "dancing", "cooking", "painting", "reading", "sleep", "friendship", "patience", "kindness"),
    *("history", "science", "football", "chess", "swimming", "coffee", "chocolate", "flowers", "trees"),
    *("windows", "streets", "islands", "deserts", "castles", "kitchens", "weather", "wind"),
)
TASKS: tuple[str, ...] = (
    "Write a short text about {topic} and use the word {topic}.",
    "Tell me something about {topic} and use the word {topic}.",
    "Write a little about {topic} and use the word {topic}.",
    "Say something about {topic} and use the word {topic}.",
)

# No word stands in two categories, and none begins with a vowel sound where "a" comes before it.
CATEGORIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "name": ("Anna", "Ben", "Lucy", "Tom", "Mary", "Sam", "Kate", "Paul", "Nora", "Hugo", "Ivy", "Otto"),
        "city": ("Paris", "Rome", "Oslo", "Cairo", "Lima", "Delhi", "Berlin", "Madrid", "Dublin", "Vienna"),
        "colour": ("red", "blue", "green", "yellow", "black", "white", "brown", "purple", "pink", "grey"),
        "animal": ("fox", "wolf", "cow", "hen", "horse", "cat", "dog", "goat", "mouse", "duck", "frog", "sheep"),
        "food": ("bread", "rice", "soup", "cheese", "honey", "beans", "pasta", "cake", "fish", "nuts", "salad"),
        "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        "month": ("January", "February", "April", "June", "July", "August", "September", "October", "November"),
        "job": ("teacher", "baker", "doctor", "farmer", "pilot", "nurse", "driver", "writer", "sailor", "singer"),
        "object": ("lamp", "key", "coat", "book", "chair", "bag", "boat", "clock", "cup", "map", "box", "ladder"),
    }
)
CLOSINGS: tuple[str, ...] = ("That is all.", "This is the end.", "Thank you for reading.", "No more to say.")
GREETINGS: tuple[str, ...] = ("Hello", "Hi", "Welcome", "Greetings")
FOREIGN: tuple[str, ...] = ("привет", "спасибо", "γεια", "καλημέρα")

ABOUT: tuple[str, ...] = (
    "Many people like {topic} very much.",
    "The {job} often talks about {topic}.",
    "{name} wrote a long letter about {topic}.",
    "In {city} they know a lot about {topic}.",
    "Nothing is as good as {topic} in {month}.",
    "My friend {name} cares about {topic} every {day}.",
    "Let us think about {topic} and about {food}.",
)
SENTENCES: tuple[str, ...] = (
    "{name} saw a {colour} {animal} in {city}.",
    "The {job} bought {food} on {day}.",
    "A {colour} {object} stood near the {animal}.",
    "In {month} the {job} went to {city}.",
    "{name} likes {food} more than {food}.",
    "{name} came late because the {animal} was hungry.",
    "The {object} was old but the {job} kept it.",
    "First {name} ate {food} and then the {job} left.",
    "Every {day} the {job} walks to the market with a {object}.",
    "The {animal} slept under the {colour} {object}.",
    "{name} and {name} met in {city} last {month}.",
    "Nobody in {city} could find the {object}.",
    "A small {animal} ran past the {job}.",
    "The {colour} {object} belongs to {name}.",
    "Fresh {food} tastes best on a quiet {day}.",
    "They sold the {object} to a {job} from {city}.",
    "The old {job} painted each {object} {colour}.",
    "Both the {animal} and the {animal} eat {food}.",
    "It was a well-known {object} in {city}.",
    "Since {month} the {animal} has been at home.",
    # with marks or figures that a rule may forbid
    "On {day}, {name} painted the {object} {colour}.",
    "{name}, {name} and the {job} shared some {food}.",
    "After a while, the {animal} left {city}.",
    "The {animal} slept; the {job} worked.",
    "One thing matters most: {food}.",
    "The {job} smiled (it was {day}).",
    "The {object} costs ${price}.",
    "The train to {city} leaves at {hour}:{minute}.",
    "Lunch with {food} starts at {hour}:{minute} on {day}.",
    "{name} counted {number} pieces of {food}.",
    "The {job} has {number} ways to cook {food}.",
    "One {object} is sold for ${price} in {city}.",
    "About {percent}% of the people agree with the {job}.",
    "The {object} was made in {year}.",
    "Do you know the {job} from {city}?",
    "Who took the {colour} {object}?",
    "What a {colour} {animal}!",
    "How nice the {object} looks on a {day}!",
    "You can find a {object} in {city}.",
    "We met {name} on {day}.",
    "I gave the {object} to {name} in {month}.",
    "Write to {name}@example.org for the {object}.",
    "People tag it #{topic} in {city}.",
    "They say {foreign} to the {job} in the morning.",
    "Ask for [address] at the {object} shop.",
    "The {job} will be there on [date] with the {food}.",
    "Bring the {colour} {object} to [place] before {day}.",
    "The *{colour}* {object} is new.",
    "It was a *really* good {food} for a {animal}.",
    "The {job} had *no* time on {day}.",
    "The {animal} is VERY happy with the {food}.",
    "NEVER leave the {object} in {city}.",
    "This {food} is for the {job} ONLY.",
)
_FEATURES: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "comma": re.compile(","),
        "semicolon": re.compile(";"),
        "colon": re.compile(": |:\\{minute"),
        "parenthesis": re.compile(r"\("),
        "figure": re.compile(r"\{(?:price|hour|number|percent|year)\}"),
        "question": re.compile(r"\?"),
        "exclamation": re.compile("!"),
        "you": re.compile(r"\byou\b", re.IGNORECASE),
        "we": re.compile(r"\b(?:We|I)\b"),
        "address": re.compile("@|#"),
        "foreign": re.compile("foreign"),
        "placeholder": re.compile(r"\["),
        "emphasis": re.compile(r"\*"),
        "capitals": re.compile("VERY|NEVER|ONLY"),
        "hyphen": re.compile("-"),
    }
)
FEATURES: tuple[str, ...] = tuple(_FEATURES)
SLOT = re.compile(r"\{([a-z]+)\}")


def features(template: str) -> frozenset[str]:
    """What a sentence has that a rule may forbid."""
    return frozenset(name for name, pattern in _FEATURES.items() if pattern.search(template))


FEATURES_OF: Mapping[str, frozenset[str]] = MappingProxyType({text: features(text) for text in SENTENCES})
