"""English filler: templates and word lists of six registers.

A line is a template with its slots filled in. No filler holds a number of more than three digits, the word "code", or a
name or thing that needles are about.
"""

from __future__ import annotations

NAMES = ("Anna", "Ben", "Carla", "David", "Eva", "Frank", "Greta", "Henry", "Iris", "Jonas", "Kate", "Martin")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TIMES = tuple(f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(0, 60, 7))
SMALL = tuple(str(number) for number in range(2, 100))
AMOUNTS = tuple(str(number) for number in range(100, 1000, 13))

SLOTS: dict[str, tuple[str, ...]] = {
    "name": NAMES,
    "other": ("my sister", "the neighbour", "our cousin", "an old friend", "the postman", "my uncle", "our aunt"),
    "day": DAYS,
    "time": TIMES,
    "n": SMALL,
    "m": AMOUNTS,
    "weather": ("rain", "fog", "sunshine", "wind", "snow", "a thunderstorm", "drizzle", "a grey sky", "frost"),
    "place": ("the market", "the library", "the station", "the park", "the harbour", "the museum", "the old mill"),
    "meal": ("soup", "noodles", "pancakes", "a salad", "rice and beans", "toast", "an omelette", "a stew"),
    "mood": ("tired", "cheerful", "restless", "calm", "hopeful", "a little bored", "glad", "curious"),
    "deed": (
        *("read by the stove", "tidied the attic", "walked along the river", "wrote two postcards", "slept badly"),
        *("mended a curtain", "watered the plants", "listened to the radio", "sorted photographs", "swept the yard"),
    ),
    "topic": (
        *("the budget", "the summer fair", "the new website", "office heating", "the travel policy", "staff training"),
        *("the car park", "the newsletter", "a supplier's offer", "the move to the third floor", "holiday cover"),
    ),
    "verdict": ("approved", "postponed", "discussed at length", "left open", "passed to a working group", "settled"),
    "share": ("a large majority", "a show of hands", "general consent", "a narrow majority"),
    "part": ("router", "mailer", "indexer", "scheduler", "gateway", "archiver", "monitor", "renderer", "importer"),
    "state": ("ready", "waiting", "restarted", "idle", "busy", "healthy", "draining", "paused"),
    "event": ("heartbeat received", "backup finished", "connection closed", "disk scan started", "lease renewed"),
    "dish": ("carrots", "onions", "potatoes", "beans", "mushrooms", "leeks", "tomatoes", "lentils", "peppers"),
    "way": ("slowly", "over a low flame", "until tender", "in a covered pot", "with a pinch of salt", "in butter"),
    "herb": ("parsley", "thyme", "basil", "dill", "mint", "sage", "chives", "marjoram"),
    "verb": ("load", "merge", "sort", "split", "trim", "scan", "pack", "join", "fold", "map"),
    "noun": ("rows", "lines", "names", "pages", "items", "nodes", "paths", "labels", "points", "blocks"),
    "check": ("is not None", "> 0", "!= total", "< 99", "in seen", "== other"),
    "jscheck": ("!== null", "> 0", "!== total", "< 99", "=== other"),
}

DIARY = (
    "{day} began with {weather}, and I felt {mood} most of the morning.",
    "In the afternoon I {deed} and then met {other} at {place}.",
    "{name} came by around {time} and stayed for {meal}.",
    "We had {meal} for supper and talked about {place}.",
    "I {deed}, although I was {mood} and it looked like {weather}.",
    "On the way to {place} I counted {n} bicycles and thought of {name}.",
    "{name} wrote that there was {weather} again and that {other} felt {mood}.",
    "Later I {deed} while {name} made {meal}.",
    "Nothing much happened on {day}; I {deed} and went to bed early.",
)
DIARY_SHORT = ("A quiet day.", "I slept well.", "No letters came.", "It was late by then.", "So the week went by.")
MINUTES = (
    "{name} reported on {topic}; {n} people had replied so far.",
    "Item {n}: {topic} was {verdict}.",
    "{name} asked whether {topic} could be settled before {day}.",
    "After a break until {time} the group returned to {topic}.",
    "By {share} it was agreed that {name} looks into {topic}.",
    "{name} thanked {other} for the notes on {topic}, which were {verdict}.",
    "The cost of {topic} is put at {m} euros, {n} more than last year.",
    "Without further remarks {topic} was {verdict}.",
    "Action for {name}: circulate a page about {topic} by {day}.",
)
MINUTES_SHORT = ("Agreed.", "No objections.", "The chair agreed.", "There were no questions.", "Carried by acclaim.")
LOG = (
    "{time} INFO {part}: {event}, {n} jobs {state}",
    "{time} DEBUG {part}: queue depth {n}, worker {state}",
    "{time} INFO {part} {state} after {m} ms",
    "{time} WARN {part}: {n} retries, {part} {state}",
    "{time} INFO {part}: {event} ({m} kB in {n} ms)",
    "{time} DEBUG {part} handed {n} tasks to {part}",
    "{time} INFO {part}: {state}, next check in {n} s",
)
LOG_SHORT = ("-- rotated --", "INFO idle", "DEBUG no change", "INFO all quiet here", "DEBUG nothing to do now")
LETTERS = (
    "Dear {name}, thank you for your lines about {place}.",
    "We still have {weather} here, and {other} is {mood}.",
    "Last {day} we {deed}, and in the evening there was {meal}.",
    "Do you remember how {other} {deed} near {place}?",
    "{name} sends greetings and hopes to visit you by {day}.",
    "The train to {place} takes {n} minutes now, which makes {name} {mood}.",
    "If there is {weather}, we shall stay in and have {meal}.",
    "Please tell {other} that the parcel reached us on {day}.",
    "With warm wishes, and with {meal} waiting on the stove, yours, {name}.",
)
LETTERS_SHORT = ("All is well.", "Write soon.", "We often think of you.", "More about that next time.", "Take care.")
RECIPES = (
    "Wash {n} grams of {dish} and cut them into pieces.",
    "Cook the {dish} {way} for {n} minutes.",
    "Stir in the {herb} and leave the {dish} to rest.",
    "Heat the oven to {m} degrees and warm the {dish} {way}.",
    "Add {m} millilitres of water, some {herb} and the {dish}.",
    "Serves {n}: {dish} with {herb}, best eaten with {meal}.",
    "Fry the {dish} {way}, then sprinkle {herb} on top.",
    "Mix the {dish} with {m} grams of flour, season with {herb}, and cook {way}.",
)
RECIPES_SHORT = ("Stir well.", "Serve hot.", "Let it cool.", "Keep the lid on.", "Taste before you add salt.")
PYTHON = (
    "def {verb}_{noun}_{n}({noun}):\n    return [each for each in {noun} if each {check}]",
    "def {verb}_all_{noun}_{n}({noun}, other):\n    total = len({noun}) + {n}\n    return total - len(other)",
    "{noun}_{n} = {verb}_{noun}({noun}, step={n})",
    "if {noun} {check}:\n    {noun} = {verb}_{noun}({noun})",
    "for each in {noun}:\n    {verb}(each, width={n})",
    "assert {verb}({noun}) {check}  # see {verb}_{noun}",
    "class {name}{n}:\n    {noun} = ()\n    width = {m}",
)
PYTHON_SHORT = ("# end", "# tidy up", "# see above", "# no change below", "# still to be done here")
JAVASCRIPT = (
    "function {verb}{n}({noun}) {{\n  return {noun}.filter((each) => each {jscheck});\n}}",
    "let {noun}{n} = {verb}({noun}, {{ step: {n} }});",
    "if ({noun} {jscheck}) {{\n  {verb}({noun});\n}}",
    "for (const each of {noun}) {{\n  {verb}(each, {n});\n}}",
    "console.log({verb}({noun}), {m});  // {verb} the {noun}",
    "export class {name}{n} {{\n  width = {m};\n}}",
)
JAVASCRIPT_SHORT = ("// end", "// tidy up", "// see above", "// no change below", "// still to be done here")
