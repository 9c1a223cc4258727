"""Continuous batching with a fake model: nothing lost, budgets kept, answers those of the model alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate.engine.blocks import BlockPool
from tailgate.engine.drafts import Drafter
from tailgate.engine.scheduler import Scheduler, StepLimits
from tailgate.engine.sequence import LiveSequence, Row, Stage
from tailgate.errors import SetupError

END = 0


def next_token(tokens):
    """The fake model: what follows depends on everything before it."""
    return (sum((i + 1) * t for i, t in enumerate(tokens)) * 31 + len(tokens)) % 17


def alone(prompt, budget):
    """What the model answers by itself."""
    tokens = list(prompt)
    while len(tokens) < len(prompt) + budget:
        tokens.append(next_token(tokens))
        if tokens[-1] == END:
            break
    return tokens[len(prompt) :]


def until_end(answer):
    """An answer without what was accepted behind its end: the engine cuts it, the scheduler need not."""
    return answer[: answer.index(END) + 1] if END in answer else answer


class FakeModel:
    """Computes with what is in the slots only: a wrong table, copy or position gives wrong answers."""

    def __init__(self, scheduler):
        self.scheduler = scheduler
        self.slots = {}
        self.packed = []

    def slot(self, sequence, position):
        size = self.scheduler.pool.size
        return sequence.table[position // size] * size + position % size

    def run(self):
        while self.scheduler.unfinished:
            step = self.scheduler.step()
            for each in step.copies:
                moved = [self.slots[each.source + i] for i in range(each.tokens)]
                self.slots.update({each.target + i: token for i, token in enumerate(moved)})
            self.packed.append(sum(len(span.tokens) for span in step.spans))
            for span in step.spans:
                for i, token in enumerate(span.tokens):
                    self.slots[self.slot(span.sequence, span.start + i)] = token
            for span in step.spans:
                self.scheduler.advance(span, self.rows(span))
            self.scheduler.end_step(step)

    def rows(self, span):
        read = [self.slots[self.slot(span.sequence, p)] for p in range(span.start + len(span.tokens))]
        return [
            Row(best=next_token(read[: span.start + place + 1])) for place in range(span.first_row, len(span.tokens))
        ]


def live(number, prompt, budget, forced=None):
    ends = {"over": lambda answer, looked_at: END in answer[looked_at:]}
    if forced is None:
        return LiveSequence(number=number, tokens=list(prompt), stage=Stage.DECODE, budget=budget, **ends)
    drafter = Drafter(told=tuple(forced))
    return LiveSequence(
        number=number,
        tokens=list(prompt),
        stage=Stage.FORCE,
        budget=budget,
        forced=tuple(forced),
        drafter=drafter,
        **ends,
    )


def scheduler(blocks=40, tokens=16, rows=4, copy_below=8):
    limits = StepLimits(tokens=tokens, rows=rows, copy_below=copy_below)
    return Scheduler(pool=BlockPool(blocks, size=4), limits=limits)


PROMPTS = st.lists(st.lists(st.integers(1, 16), min_size=1, max_size=30), min_size=1, max_size=8)


@settings(deadline=None)
@given(PROMPTS, st.integers(1, 20), st.integers(13, 40), st.integers(1, 40))
def test_answers_are_those_of_the_model_alone_whatever_shares_its_batch(prompts, budget, blocks, tokens):
    asked = [live(n, prompt, budget) for n, prompt in enumerate(prompts)]
    plan = scheduler(blocks=blocks, tokens=tokens)
    plan.add(asked)
    FakeModel(plan).run()
    assert [each.answer for each in asked] == [alone(prompt, budget) for prompt in prompts]
    assert plan.pool.free == plan.pool.count


@settings(deadline=None)
@given(PROMPTS, st.integers(1, 20), st.lists(st.integers(0, 16), max_size=20), st.integers(13, 40))
def test_verified_answers_are_those_of_the_model_alone_whatever_the_draft(prompts, budget, noise, blocks):
    asked = []
    for n, prompt in enumerate(prompts):
        draft = alone(prompt, budget)
        draft[n % len(draft) :] = noise[: max(0, budget - n % len(draft))]  # a draft that goes wrong somewhere
        asked.append(live(n, prompt, budget, forced=draft[:budget]))
    plan = scheduler(blocks=blocks)
    plan.add(asked)
    FakeModel(plan).run()
    assert [until_end(each.answer[:budget]) for each in asked] == [alone(prompt, budget) for prompt in prompts]


def test_a_right_draft_takes_one_pass():
    answer = alone((3, 5, 7), 12)
    asked = live(0, (3, 5, 7), 12, forced=answer)
    plan = scheduler(tokens=64)
    plan.add([asked])
    model = FakeModel(plan)
    model.run()
    assert len(model.packed) == 1
    assert asked.answer[: len(answer)] == answer


def test_a_step_packs_no_more_tokens_than_its_budget():
    plan = scheduler(tokens=10)
    plan.add(live(n, range(1, 15), 5) for n in range(6))
    model = FakeModel(plan)
    model.run()
    assert max(model.packed) <= 10


def test_a_shared_beginning_is_computed_once_and_released_with_its_last_reader():
    header = tuple(range(1, 13))
    readers = [live(n, (*header, n + 1, n + 2), 6) for n in range(5)]
    beginning = LiveSequence(number=99, tokens=list(header), stage=Stage.PREFIX, children=list(readers))
    for each in readers:
        each.parent = beginning
    plan = scheduler(tokens=64, rows=2)
    plan.add([beginning])
    model = FakeModel(plan)
    model.run()
    assert [each.answer for each in readers] == [alone((*header, n + 1, n + 2), 6) for n in range(5)]
    assert plan.tally.reused_tokens == 5 * len(header)
    assert plan.pool.free == plan.pool.count


def test_preempted_sequences_start_over_with_what_they_know():
    asked = [live(n, range(1, 9), 24) for n in range(4)]
    for each in asked:
        each.over = lambda answer, looked_at: False
    plan = scheduler(blocks=12, tokens=64)
    plan.add(asked)
    FakeModel(plan).run()
    assert plan.tally.preemptions > 0
    expected = list(range(1, 9))
    for _ in range(24):
        expected.append(next_token(expected))
    assert all(each.answer == expected[8:] for each in asked)


def test_a_sequence_larger_than_all_blocks_is_refused_by_its_size():
    plan = scheduler(blocks=3)
    with pytest.raises(SetupError, match=r"holds 12 tokens and one request needs 30"):
        plan.add([live(0, range(1, 21), 10)])


def test_a_step_that_does_not_fit_into_memory_is_planned_again_smaller():
    asked = [live(n, range(1, 30), 3) for n in range(3)]
    plan = scheduler(tokens=64)
    plan.add(asked)
    plan.step()  # did not fit: nothing was taken in
    assert plan.shrink()
    model = FakeModel(plan)
    model.run()
    assert max(model.packed) <= 32
    assert [each.answer for each in asked] == [alone(range(1, 30), 3)] * 3


def test_a_budget_shrinks_to_a_floor():
    plan = scheduler(tokens=40)
    assert [plan.shrink() for _ in range(3)] == [True, True, False]


def test_non_finite_rows_end_their_own_sequence_only():
    asked = [live(0, (1, 2), 4), live(1, (3, 4), 4)]
    plan = scheduler()
    plan.add(asked)
    step = plan.step()
    for span in step.spans:
        plan.advance(span, [Row(best=5, finite=span.sequence.number != 0)])
    assert asked[0].nonfinite
    assert asked[0].done
    assert not asked[1].nonfinite
    assert not asked[1].done


@pytest.mark.parametrize(("decoding", "spare"), [(0, 0), (1, 47), (4, 11), (25, 0), (48, 0)])
def test_guesses_that_are_not_sure_share_the_rows_that_are_free(decoding, spare):
    plan = scheduler(blocks=200, rows=64)
    plan.running = [live(n, (5, 7), 4) for n in range(decoding)]
    for each in plan.running:
        each.computed = 1
    assert plan._spare_guesses() == spare
