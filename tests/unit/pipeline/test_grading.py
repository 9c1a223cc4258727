"""Answers graded in order: at once where programs are run, one after another where not, each text of an item once."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from tailgate.engine.request import Transcript
from tailgate.pipeline import grading
from tailgate.pipeline.grading import Answered, cores, grade_answers, sandboxes
from tailgate.records import NONFINITE, CellKey
from tailgate_slices import registry
from tailgate_slices.item import Grade, SliceError
from tailgate_slices.registry import get_slice
from tests.support.toy import Toy

MEET_S = 20.0  # two graders that run at the same time meet long before


class Running(Toy):
    """Says that its graders run programs, and has two of them wait for each other."""

    name = "toy"

    def __init__(self, n_meeting=2):
        self.graded = []
        self.threads = set()
        self._meeting = threading.Barrier(n_meeting)

    def executes(self, stratum):
        return ("python",) if stratum == "level=1" else ()

    def grade(self, item, answer):
        self.graded.append((item.id, answer.text))
        self.threads.add(threading.get_ident())
        if answer.text == "meet":
            self._meeting.wait(MEET_S)
        if answer.text == "explode":
            raise RuntimeError("a fault of the grader")
        if answer.text == "no sandbox":
            raise SliceError("no sandbox here")
        return super().grade(item, answer)


@pytest.fixture
def serve(monkeypatch):
    """Have the slices of these tests be served by one maker."""

    def use(maker):
        monkeypatch.setattr(registry, "_provided", {"toy": maker})
        registry.get_slice.cache_clear()
        return maker

    yield use
    registry.get_slice.cache_clear()


def answered(text, index=0, stratum="level=1", finish="stop"):
    item = Toy().item(stratum=stratum, seed=1, index=index, tokens=None)
    said = item.references[0] if text == "right" else text
    return Answered(item=item, transcript=Transcript(key=item.id, tokens=(), text=said, finish_reason=finish))


def scores(grades):
    return [each.score if isinstance(each, Grade) else each for each in grades]


def test_no_answers_have_no_grades():
    assert grade_answers([]) == []


@pytest.mark.parametrize("stratum", ["level=1", "level=2"])
def test_grades_come_in_the_order_of_the_answers(serve, stratum):
    serve(Running())
    said = ["right", "wrong", "right", "no", "right"] * 6
    grades = grade_answers([answered(text, index, stratum) for index, text in enumerate(said)])
    assert scores(grades) == [float(text == "right") for text in said]


def test_graders_that_run_programs_run_at_the_same_time(serve, monkeypatch):
    monkeypatch.setattr(grading, "cores", lambda: 2)
    serve(Running())
    assert scores(grade_answers([answered("meet", index) for index in range(2)])) == [0.0, 0.0]


def test_graders_that_run_nothing_stay_in_the_calling_thread(serve):
    maker = serve(Running())
    grade_answers([answered("x", index, "level=2") for index in range(8)])
    assert maker.threads == {threading.get_ident()}


def test_grades_do_not_depend_on_the_number_of_threads(serve, monkeypatch):
    serve(Running())
    answers = [answered("right" if index % 3 else "wrong", index) for index in range(30)]
    found = []
    for n_threads in (1, 2, 7):
        monkeypatch.setattr(grading, "cores", lambda n=n_threads: n)
        found.append(grade_answers(answers))
    assert found[0] == found[1] == found[2]


def test_same_text_on_the_same_item_is_graded_once(serve):
    maker = serve(Running())
    grades = grade_answers([answered("x"), answered("x"), answered("y"), answered("x", 1), answered("x")])
    assert len(maker.graded) == 3
    assert grades[0] is grades[1] is grades[4]


def test_same_text_cut_short_is_another_answer(serve):
    maker = serve(Running())
    grade_answers([answered("x"), answered("x", finish="length")])
    assert len(maker.graded) == 2


def test_answer_without_numbers_is_not_graded(serve):
    maker = serve(Running())
    assert grade_answers([answered("", finish="nonfinite")]) == [NONFINITE]
    assert maker.graded == []


def test_what_cannot_be_graded_says_why(serve):
    serve(Running())
    assert grade_answers([answered("no sandbox")]) == ["ungradable: no sandbox here"]


@pytest.mark.parametrize("stratum", ["level=1", "level=2"])
def test_fault_of_a_grader_is_raised(serve, stratum):
    serve(Running())
    with pytest.raises(RuntimeError, match="a fault of the grader"):
        grade_answers([answered(text, index, stratum) for index, text in enumerate(["x", "explode", "y"])])


def test_there_is_at_least_one_core():
    assert cores() >= 1


def test_sandboxes_are_named_by_the_languages_that_the_cells_need(serve, monkeypatch):
    serve(Running())
    monkeypatch.setattr(
        grading, "choose_runner", lambda language, unsafe: SimpleNamespace(name=f"{language} box, unsafe {unsafe}")
    )
    monkeypatch.setenv("TAILGATE_UNSAFE_EXEC", "1")
    one, two = (CellKey(slice="toy", stratum=f"level={n}") for n in (1, 2))
    assert sandboxes([one, two]) == {"python": "python box, unsafe True"}
    assert sandboxes([two]) == {}


def test_cells_of_code_need_a_sandbox_only_where_programs_are_run():
    assert get_slice("code").executes("task=write-2") == ()
    assert get_slice("code").executes("task=spec-1,language=lua") == ("lua",)
    assert get_slice("code").executes("task=spec-1") == ("python", "javascript", "lua")
