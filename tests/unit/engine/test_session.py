"""A running batch: requests join and leave between steps, and every answer is the one `generate` gives."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate.engine.blocks import BlockPool
from tailgate.engine.native.engine import NativeEngine, NativeLimits
from tailgate.engine.request import ChoiceRequest, Request
from tailgate.engine.scheduler import Scheduler, StepLimits
from tailgate.engine.sequence import LiveSequence, Stage
from tailgate.errors import IntegrityError, SetupError
from tests.support.architectures import CONTEXT, VOCABULARY, served, tiny_architecture

LIMITS = NativeLimits(kv_bytes=1 << 20, step=StepLimits(tokens=64))


@pytest.fixture(scope="module")
def model():
    return tiny_architecture("llama")


@pytest.fixture
def engine(model):
    return NativeEngine(served(model), LIMITS)


def requests(count=12, seed=1):
    rng = np.random.default_rng(seed)
    opening = rng.integers(2, VOCABULARY, 30).tolist()
    return [
        Request(
            key=f"r{n}",
            prompt_ids=tuple(opening[: int(rng.integers(0, 31))] + rng.integers(2, VOCABULARY, 1 + n).tolist()),
            max_new_tokens=int(rng.integers(1, 30)),
        )
        for n in range(count)
    ]


def drain(session, told=None):
    """Step to the end; the events by key."""
    events = {} if told is None else told
    while session.unfinished:
        for event in session.step():
            events.setdefault(event.key, []).append(event)
    return events


def test_requests_that_join_one_by_one_get_the_answers_of_generate(model, engine):
    asked = requests()
    expected = {each.key: each for batch in NativeEngine(served(model), LIMITS).generate(asked) for each in batch}
    session, events = engine.session(), {}
    for each in asked:
        session.submit(each)
        for event in session.step():
            events.setdefault(event.key, []).append(event)
    drain(session, events)
    for key, found in events.items():
        assert found[-1].transcript == expected[key]
        assert sum((each.tokens for each in found), ()) == expected[key].tokens
        assert all(each.transcript is None for each in found[:-1])
    assert len(events) == len(asked)


def test_those_that_join_together_share_their_beginning(engine):
    opening = tuple(range(2, 42))
    session = engine.session()
    for n in range(4):
        session.submit(Request(key=str(n), prompt_ids=(*opening, 50 + n), max_new_tokens=2))
    drain(session)
    session.close()
    assert engine.counters.reused_tokens == 4 * len(opening)


def test_one_that_leaves_changes_no_other_answer_and_frees_its_memory(model, engine):
    asked = requests(10, seed=2)
    expected = {each.key: each for batch in NativeEngine(served(model), LIMITS).generate(asked) for each in batch}
    session, events = engine.session(), {}
    for each in asked:
        session.submit(each)
    session.cancel("r0")  # before it begins
    for round_, key in enumerate(("r9", "r3", "r7")):
        for event in session.step():
            events.setdefault(event.key, []).append(event)
        session.cancel(key)
        assert session.unfinished <= 8 - round_
    session.cancel("nobody")
    drain(session, events)
    for key in {each.key for each in asked} - {"r0", "r9", "r3", "r7"}:
        assert events[key][-1].transcript == expected[key]
    assert session._work.scheduler.pool.free == session._work.scheduler.pool.count
    assert session._work.jobs == {}


def test_distributions_are_told_where_they_are_asked_for(engine):
    session = engine.session()
    session.submit(Request(key="with", prompt_ids=(5, 6), max_new_tokens=9), keep_tops=True)
    session.submit(Request(key="without", prompt_ids=(5, 6), max_new_tokens=9))
    events = drain(session)
    tokens = [token for each in events["with"] for token in each.tokens]
    tops = [top for each in events["with"] for top in each.tops]
    assert [int(top.ids[0]) for top in tops] == tokens
    assert not any(each.tops for each in events["without"])


def test_given_tokens_are_looked_at_as_by_score(model, engine):
    tokens = (5, 6, 7, 8, 9)
    session = engine.session()
    session.look_at("a", tokens)
    ((found,),) = drain(session).values()
    choice = ChoiceRequest(key="a", context_ids=tokens[:1], choices=(tokens[1:],))
    ((scores,),) = engine.score([choice])
    assert sum(found.log_probs) == pytest.approx(scores.log_likelihoods[0], abs=1e-4)
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([tokens])).logits[0, :-1]
    assert [int(top.ids[0]) for top in found.tops] == logits.argmax(-1).tolist()


def test_the_counters_are_those_of_generate(model):
    asked = requests()
    by_generate, by_session = (NativeEngine(served(model), LIMITS) for _ in range(2))
    list(by_generate.generate(asked))
    session = by_session.session()
    for each in asked:
        session.submit(each)
    drain(session)
    session.close()
    assert by_session.counters == by_generate.counters


@pytest.mark.parametrize(
    ("prompt", "budget", "kind", "complaint"),
    [
        ((), 5, IntegrityError, "an empty prompt"),
        ((5,), CONTEXT, IntegrityError, "the model's context has"),
        ((VOCABULARY,), 5, IntegrityError, "vocabulary has"),
    ],
)
def test_what_cannot_be_served_is_refused_alone(engine, prompt, budget, kind, complaint):
    session = engine.session()
    session.submit(Request(key="good", prompt_ids=(5, 6), max_new_tokens=3))
    with pytest.raises(kind, match=complaint):
        session.submit(Request(key="bad", prompt_ids=prompt, max_new_tokens=budget))
    assert set(drain(session)) == {"good"}


def test_what_memory_cannot_hold_is_refused_alone(model):
    session = NativeEngine(served(model), NativeLimits(kv_bytes=1)).session()
    with pytest.raises(SetupError, match="request a needs 24 tokens of key-values, the budget holds 16"):
        session.submit(Request(key="a", prompt_ids=tuple(range(2, 14)), max_new_tokens=12))
    assert session.unfinished == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["step", "leave first", "leave last"]), max_size=30), st.integers(4, 12))
def test_leaving_at_any_moment_leaves_no_block_behind(moves, blocks):
    scheduler = Scheduler(pool=BlockPool(blocks, 4), limits=StepLimits(tokens=6, rows=3, copy_below=4))
    shared = LiveSequence(number=9, tokens=[1, 2, 3, 4, 5], stage=Stage.PREFIX)
    readers = [
        LiveSequence(number=n, tokens=[1, 2, 3, 4, 5, n], stage=Stage.DECODE, budget=6, parent=shared) for n in range(3)
    ]
    shared.children = list(readers)
    scheduler.add([shared, LiveSequence(number=3, tokens=[7, 8], stage=Stage.DECODE, budget=5)])
    alive = [*readers, scheduler.waiting[1]]
    for move in [*moves, *["step"] * 200]:
        alive = [each for each in alive if not each.done]
        if move == "step" and scheduler.unfinished:
            run(scheduler)
        elif move != "step" and alive:
            scheduler.cancel(alive.pop(0 if move == "leave first" else -1))
    assert not scheduler.unfinished
    assert not scheduler.shared
    assert scheduler.pool.free == blocks


def run(scheduler):
    from tailgate.engine.sequence import Row

    step = scheduler.step()
    for span in step.spans:
        scheduler.advance(span, [Row(best=3)] * (len(span.tokens) - span.first_row))
    scheduler.end_step(step)
