"""Dependent steps: every text is solved a second time by its own small reader, and the axes hold what they say."""

from __future__ import annotations

import ast
import operator
import re
import time
from datetime import date, timedelta
from fractions import Fraction

import pytest

from tailgate_slices.item import Answer
from tailgate_slices.multihop_arithmetic import MultihopArithmetic
from tailgate_slices.multihop_arithmetic.programs import read_program

MAKER = MultihopArithmetic()
FORMS, HOPS = MAKER.axes["form"], MAKER.axes["hops"]
CELLS = [f"hops={hops},form={form}" for hops in HOPS for form in FORMS]
OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: Fraction}
NAMES = "Anna|Ben|Lucy|Tom|Mary|Sam|Kate|Paul|Emma|Jack|Rose|Max|Nina|Leo|Clara|Adam|Julia|Peter|Sara|David"


def draw(stratum, index, seed=1):
    return MAKER.item(stratum=stratum, seed=seed, index=index, tokens=None)


def drawn(stratum, n=40):
    return [draw(stratum, index) for index in range(n)]


def question_of(item):
    """The item's own text: without examples and without instructions on how to answer."""
    text = item.prompt.rpartition("Question: ")[2].removesuffix("\nAnswer:").removesuffix("\nSteps:")
    return text.partition("\nWork step by step")[0]


def calculate(written):
    def value(node):
        if isinstance(node, ast.Constant):
            return node.value
        return OPERATIONS[type(node.op)](value(node.left), value(node.right))

    return value(ast.parse(written, mode="eval").body)


def numbers_in(pattern, text):
    return [int(number) for number in re.findall(pattern, text)]


def solve_chain(text):
    known = {}
    for name, right in re.findall(r"([A-Z]) = ([^.]+)\.", text):
        known[name] = calculate(re.sub(r"[A-Z]", lambda match: str(known[match[0]]), right))
    return known[re.search(r"value of ([A-Z])", text)[1]]


def solve_sum(text):
    return calculate(re.search(r"result of (.+) as an equation", text)[1])


def solve_expression(text):
    return calculate(re.search(r"What is (.+)\?", text)[1])


def solve_story(text):
    if "the box" in text:
        return solve_box(text)
    thing, who = re.search(r"How many (\w+) does (\w+) have", text).groups()
    start = re.search(rf"(\w+) has (\d+) {thing}[.,]", text)
    if " now?" not in text:
        return solve_comparison(text, {start[1]: int(start[2])}, who)
    value = int(start[2])
    moves = r"gets (\d+)|loses (\d+)|ends up with (\d+) times|into (\d+) equal shares and keeps one"
    for gets, loses, times, shares in re.findall(moves, text):
        value = (value + int(gets or 0) - int(loses or 0)) * int(times or 1) / Fraction(shares or 1)
    return value


def solve_comparison(text, owned, who):
    shape = rf"({NAMES}) has (\d+) (more than|fewer than|times as many as) ({NAMES})\."
    for name, number, how, other in re.findall(shape, text):
        size = int(number)
        if other not in owned:
            owned[other] = Fraction(owned[name], size)
            continue
        base = owned[other]
        owned[name] = {"m": base + size, "f": base - size, "t": base * size}[how[0]]
    return owned[who]


def solve_box(text):
    value = int(re.search(r"A box holds (\d+)", text)[1])
    moves = r"puts (\d+) more|takes (\d+) out|fills the box up to (\d+)|into (\d+) equal shares and leaves one"
    for puts, takes, fills, shares in re.findall(moves, text):
        value = (value + int(puts or 0) - int(takes or 0)) * int(fills or 1) / Fraction(shares or 1)
    return value


def solve_unit(text):
    """All amounts in the unit that is asked for, whatever the order in which they are told."""
    if "Each" in text:
        start = int(re.search(r"do (\d+) \w+ hold", text)[1])
        for each in numbers_in(r"holds (\d+)", text):
            start *= each
        return start
    asked = re.search(r"How many (\w+)", text)[1]
    size = {asked: 1}
    for one, factor, smaller in reversed(re.findall(r"1 (\w+) is (\d+) (\w+)\.", text)):
        size[one] = int(factor) * size[smaller]
        size[smaller.removesuffix("s")] = size[smaller]
        size[one + "s"] = size[one]
    size[asked.removesuffix("s")] = 1
    number, of = re.search(r"(?:A rope is|A bin holds|planned to last|A purse holds) (\d+) (\w+)", text).groups()
    value = int(number) * size[of]
    for verb, amount, of in re.findall(r"Someone (\w+) (\d+) (\w+) ", text):
        value += (1 if verb in ("adds", "pours", "puts") else -1) * int(amount) * size[of]
    return value


def solve_rate(text):
    if "A worker packs" in text:
        value = int(re.search(r"A worker packs (\d+)", text)[1])
        for number in numbers_in(r"A (?:shift|week|season|team|hall|factory|firm|group) has (\d+)", text):
            value *= number
        return value
    start = re.search(r"drives (\d+) km an hour|ticket costs (\d+)|prints (\d+) pages a minute", text)
    times = re.search(r"drives for (\d+) hours|bill is for (\d+)|prints for (\d+) minutes", text)
    value = int("".join(filter(None, start.groups()))) * int("".join(filter(None, times.groups())))
    grows = r"then the car drives (\d+) km further|fee of (\d+)|puts (\d+) more"
    shrinks = r"then the car drives (\d+) km back|voucher takes (\d+)|someone takes (\d+)"
    shares = r"split into (\d+)|cut into (\d+)"
    for *more, a, b, c, d, e in re.findall(f"{grows}|{shrinks}|{shares}", text, re.IGNORECASE):
        less, shared = a + b + c, d + e
        if shared:
            assert value % int(shared) == 0
            value //= int(shared)
        else:
            value += int("".join(more) or 0) - int(less or 0)
    return value


def solve_table(text):
    rows = {name: (team, int(points)) for name, team, points in re.findall(r"(\w+), (\w+), (\d+)\n", text)}
    team = re.search(r"the (\w+) team", text)
    if team:
        worth = re.search(r"worth (\d+) coins", text)
        return sum(points for of, points in rows.values() if of == team[1]) * (int(worth[1]) if worth else 1)
    value = rows[re.search(r"Take the points of (\w+)", text)[1]][1]
    for verb, name in re.findall(r"(add|subtract) those of (\w+)", text):
        value += (1 if verb == "add" else -1) * rows[name][1]
    return value


def solve_calendar(text):
    event, day = re.search(r"The (\w+) is on (?:a )?([\w-]+)\.", text).groups()
    by_weekday = not day[0].isdigit()
    first = date.fromisoformat(day) if not by_weekday else date(2024, 1, 1)
    while by_weekday and first.strftime("%A") != day:
        first += timedelta(days=1)
    when = {event: first}
    for new, n, how, old in re.findall(r"The (\w+) is (\d+) days (after|before) the (\w+)\.", text):
        when[new] = when[old] + timedelta(days=int(n) * (1 if how == "after" else -1))
    asked = re.search(r"is the (\w+)\?|days after the (\w+) is (\S+)\?", text)
    if asked[2]:
        return (date.fromisoformat(asked[3]) - when[asked[2]]).days
    return when[asked[1]].strftime("%A") if by_weekday else when[asked[1]].isoformat()


SOLVERS = {
    "alias": solve_chain,
    "chain": solve_chain,
    "sum": solve_sum,
    "expression": solve_expression,
    "story": solve_story,
    "unit": solve_unit,
    "rate": solve_rate,
    "table": solve_table,
    "calendar": solve_calendar,
}


def assert_solved(item):
    assert str(SOLVERS[item.attributes["form"]](question_of(item))) == item.references[0], item


@pytest.mark.parametrize("stratum", CELLS)
def test_text_solved_by_its_own_reader_gives_the_reference(stratum):
    for item in drawn(stratum):
        assert_solved(item)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("noise", ["2", "5"])
def test_text_among_distractors_gives_the_reference(form, noise):
    for item in drawn(f"form={form},noise={noise}", 120):
        assert_solved(item)


@pytest.mark.parametrize("style", ["few", "cot", "few-cot"])
def test_text_in_every_style_gives_the_reference(style):
    for item in drawn(f"style={style}", 200):
        assert_solved(item)


@pytest.mark.parametrize("digits", MAKER.axes["digits"])
def test_text_with_numbers_of_every_size_gives_the_reference(digits):
    for item in drawn(f"digits={digits}", 200):
        assert_solved(item)


@pytest.mark.parametrize("stratum", CELLS)
def test_stratum_says_how_many_steps_the_program_has(stratum):
    hops = int(stratum.partition(",")[0].removeprefix("hops="))
    assert all(len(read_program(item.attributes["program"]).steps) == hops for item in drawn(stratum))


@pytest.mark.parametrize("hops", HOPS)
def test_stratum_says_how_many_operations_the_text_has(hops):
    shapes = {
        "alias": r"[A-Z] = [A-Z]\.",
        "chain": r"[A-Z] = [A-Z] [-+*/] \d+\.",
        "sum": r" [-+*/] \d",
        "expression": r" [-+*] ",
        "story": r"gets|loses|ends up|more than|fewer than|as many as|puts|takes|fills|splits",
        "rate": r"A \w+ has \d+ |for \d+ |further|back towards|A fee|A voucher|into \d+ equal|puts|someone takes",
        "unit": r"1 \w+ is \d|Someone|Each",
    }
    for form, shape in shapes.items():
        for item in drawn(f"hops={hops},form={form},noise=0,style=zero", 60):
            assert len(re.findall(shape, item.prompt)) == int(hops), item.prompt


@pytest.mark.parametrize("form", FORMS)
def test_noise_is_the_number_of_recorded_distractors(form):
    other_rows = {2, 3} if form == "table" else {0}
    for noise in (0, 2, 5):
        for item in drawn(f"form={form},noise={noise}", 30):
            recorded = item.attributes["distractors"].split()
            assert len(recorded) - noise in other_rows
            assert all(re.search(rf"\b{number}\b", question_of(item)) for number in recorded)


def test_few_shot_prompt_has_two_other_solved_questions():
    for item in drawn("style=few", 100):
        *examples, last = item.prompt.split("\n\nQuestion: ")
        assert len(examples) == 2
        assert last.endswith("\nAnswer:")
        for example in examples:
            text, answer = example.removeprefix("Question: ").split("\nAnswer: ")
            assert text != question_of(item)
            assert answer.split()[-1] == str(SOLVERS[item.attributes["form"]](text))


def test_chain_of_thought_asks_for_the_mark_and_may_write_lines():
    for item in drawn("style=cot", 30):
        assert '"Answer:"' in item.prompt
        assert "\n" not in item.stop
        assert item.max_new_tokens > 50


def test_one_hop_keeps_its_answer_budget():
    assert {item.max_new_tokens for item in drawn("hops=1,digits=1,form=sum,op=add,style=zero", 50)} == {18}


@pytest.mark.parametrize("stratum", [*MAKER.strata, "hops=8,noise=5,style=few", "hops=1,noise=0,style=zero"])
def test_context_holds_the_longest_prompt_and_answer(stratum):
    # A tokenizer that spells numbers digit by digit, and knows every other word and sign.
    for item in drawn(stratum, 300):
        tokens = len(re.findall(r"[0-9]|[A-Za-z]+|[^\sA-Za-z0-9]|\n", item.prompt))
        assert tokens + item.max_new_tokens + 40 <= MAKER.min_context(stratum), item


def test_items_of_a_stratum_differ():
    for stratum in ("hops=1", "hops=3", "hops=8"):
        assert len({item.prompt for item in drawn(stratum, 200)}) > 190


def test_item_is_the_same_however_often_it_is_drawn():
    assert [draw("hops=3", index) for index in range(50)] == [draw("hops=3", index) for index in range(50)]


@pytest.mark.parametrize("stratum", MAKER.strata)
def test_reference_is_right_in_a_sentence_and_for_chain_of_thought_after_the_mark(stratum):
    for item in drawn(stratum, 60):
        for text in (f"It is {item.references[0]}.", f"9 + 9 = 18\n**Answer:** {item.references[0]}\n"):
            assert MAKER.grade(item, Answer(text=text, finish_reason="stop")).score == 1.0, (item, text)


def test_thousand_items_of_every_depth_are_drawn_and_graded_in_seconds():
    started = time.process_time()
    for index in range(1000):
        item = draw(MAKER.strata[index % 8], index)
        MAKER.grade(item, Answer(text="3 + 4 = 7. " * 20, finish_reason="stop"))
    assert time.process_time() - started < 4.0
