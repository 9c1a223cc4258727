"""Decoding passes that are recorded and repeated: the answers of passes that are not, proved where nothing is recorded.

A recorder of a CPU computes again. What surrounds it (tensors that stay where they are, padding, plans, slots of their
own) is all that a recorded pass of a GPU takes; tests/gpu records.
"""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from tailgate.engine.native import engine as native
from tailgate.engine.native.backend import resolve_graphs
from tailgate.engine.native.engine import NativeEngine, NativeLimits
from tailgate.engine.native.graphs import MOST_PIECES, SIZES, GraphedModel
from tailgate.engine.scheduler import StepLimits
from tailgate.errors import SetupError, UsageError
from tests.support.architectures import served, tiny_architecture
from tests.unit.engine.test_native_kernels import asked, assert_same_answers, by_key

LIMITS = NativeLimits(step=StepLimits(tokens=96, rows=8, copy_below=0), kv_bytes=1 << 19, kernels="triton")


@pytest.fixture(scope="module")
def llama():
    return tiny_architecture("llama")


@pytest.fixture(autouse=True)
def _triton(require):
    require("triton")


def engine(model, graphs=True, kv="", **limits):
    return NativeEngine(replace(served(model), kv=kv), replace(LIMITS, graphs=graphs, **limits))


@pytest.mark.parametrize(("name", "kv"), [("llama", "int4"), ("gpt_oss", "")])
def test_answers_are_those_of_passes_that_are_computed_anew(name, kv):
    model, requests = tiny_architecture(name), asked(readers=2, budget=5)
    expected = by_key(engine(model, False, kv).generate(requests))
    repeating = engine(model, True, kv)
    assert_same_answers(by_key(repeating.generate(requests)), expected, atol=2e-2 if kv else 1e-4)
    assert 0 < repeating.counters.graph_forwards < repeating.counters.forwards


def test_padding_writes_to_slots_in_which_no_sequence_lies(llama):
    repeating = engine(llama)
    work = repeating._begin([])
    assert work.store.slots == repeating._slots + SIZES[-1]
    assert work.scheduler.pool.count * LIMITS.block == repeating._slots == repeating._graphed.spare
    seen = []
    repeating._graphed.recorder = Spy(seen, repeating)
    list(repeating.generate(asked(budget=4)))
    assert seen
    for slots in seen:
        assert len(set(slots)) == len(slots)
        assert all(slot < work.store.slots for slot in slots)


class Spy:
    """Notes the slots that a recorded pass writes to, each time it is repeated."""

    def __init__(self, seen, repeating):
        self.seen, self.graphed = seen, repeating._graphed

    def record(self, compute):
        def repeat():
            [still] = [cell.cell_contents for cell in compute.__closure__ if hasattr(cell.cell_contents, "slots_N")]
            self.seen.append(still.slots_N.tolist())
            return compute()

        return repeat


class Wrong:
    """Gives what the pass gave with its rows turned around."""

    def record(self, compute):
        return lambda: compute().flip(0)


def test_a_repeated_pass_that_differs_is_found_before_its_first_answer(llama, monkeypatch):
    monkeypatch.setattr(native, "Repeated", Wrong)
    with pytest.raises(SetupError, match=r"a recorded pass differs from the pass itself by .*; leave out graphs=on"):
        list(engine(llama).generate(asked()))


class Unrecordable:
    """What CUDA says when a pass waits for the device while it is recorded."""

    def record(self, compute):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")


def test_a_model_that_cannot_be_recorded_says_so(llama, monkeypatch):
    monkeypatch.setattr(native, "Repeated", Unrecordable)
    line = r"a pass of \d+ tokens cannot be recorded: operation not permitted when stream is capturing; leave out"
    with pytest.raises(SetupError, match=line):
        list(engine(llama).generate(asked()))


def test_beginnings_within_beginnings_are_computed_anew(llama, monkeypatch):
    """Three pieces for the queries of some: one more than a recorded pass merges."""
    from tailgate.engine.request import Request

    first, second = tuple(range(2, 69)), tuple(range(3, 70))
    prompts = [(*first, *second, 5), (*first, *second, 6), (*first, 7), (*first, 8)]
    requests = [Request(key=str(n), prompt_ids=each, max_new_tokens=3) for n, each in enumerate(prompts)]
    limits = {"kv_bytes": 1 << 21, "draft": False}
    expected = by_key(engine(llama, graphs=False, **limits).generate(requests))
    repeating = engine(llama, **limits)
    computed = []
    forward = repeating._model.forward

    def watch(packed):
        hidden_NE = forward(packed)
        computed.append(max(plan.pieces for plan in packed.plans.values()))
        return hidden_NE

    monkeypatch.setattr(repeating._model, "forward", watch)
    recorded, record = [], GraphedModel._record

    def note(self, packed, size):
        recorded.append(max(plan.pieces for plan in packed.plans.values()))
        return record(self, packed, size)

    monkeypatch.setattr(GraphedModel, "_record", note)
    assert_same_answers(by_key(repeating.generate(requests)), expected)
    assert 3 in computed
    assert max(recorded) <= MOST_PIECES


def test_a_run_lets_go_of_its_store_and_of_what_was_recorded_over_it(llama):
    repeating = engine(llama)
    repeating._graphed.repeated = 7  # passes of probes, whose counts the run does not keep
    list(repeating.generate(asked(budget=2)))
    assert repeating.counters.graph_forwards == repeating._graphed.repeated - 7
    assert (repeating._graphed._store, repeating._graphed._frames) == (None, {})


def test_another_store_is_another_beginning_before_it_takes_memory(llama):
    graphed = engine(llama)._graphed
    graphed._store, graphed._frames = object(), {(1, 1): object()}
    seen = []

    class Model:
        def forward(self, packed):
            seen.append((graphed._store, dict(graphed._frames)))

    graphed.model = Model()
    prompt = SimpleNamespace(store=object(), tokens=500, spans=())
    graphed.forward(prompt)
    assert seen == [(prompt.store, {})]


class Full:
    """Has no memory for a graph."""

    def record(self, compute):
        raise RuntimeError("CUDA error: out of memory")


def test_a_pass_that_there_is_no_memory_to_record_is_computed_anew(llama, monkeypatch):
    expected = by_key(engine(llama, graphs=False).generate(asked()))
    monkeypatch.setattr(native, "Repeated", Full)
    full = engine(llama)
    assert_same_answers(by_key(full.generate(asked())), expected)
    assert (full.counters.graph_forwards, full.counters.oom_retries) == (0, 0)


class Baked:
    """Gives what the pass gave when it was recorded, whatever it is repeated on."""

    def record(self, compute):
        found = compute().clone()
        return lambda: found


def test_what_was_recorded_for_good_shows_on_other_numbers(llama, monkeypatch):
    monkeypatch.setattr(native, "Repeated", Baked)
    with pytest.raises(SetupError, match="a recorded pass differs from the pass itself"):
        list(engine(llama).generate(asked()))


def test_graphs_are_asked_for_and_of_kernels_on_cuda_alone(llama):
    assert resolve_graphs("off", "torch", "cpu") is False
    assert resolve_graphs("on", "triton", "cuda:0") is True
    with pytest.raises(UsageError, match=r"graphs=yes: give on or off"):
        resolve_graphs("yes", "triton", "cuda")
    with pytest.raises(UsageError, match=r"kernels=torch on cuda cannot be recorded"):
        resolve_graphs("on", "torch", "cuda")
    with pytest.raises(UsageError, match=r"kernels=triton on cpu cannot be recorded"):
        resolve_graphs("on", "triton", "cpu")
    with pytest.raises(SetupError, match=r"torch's own attention cannot be recorded"):
        engine(llama, kernels="torch")
