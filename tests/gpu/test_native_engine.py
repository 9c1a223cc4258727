"""The native engine on a device: kernels, and decoding passes recorded in CUDA graphs, give the answers of torch."""

from dataclasses import replace

import pytest
import torch

from tailgate.engine.native.engine import NativeEngine, NativeLimits
from tailgate.engine.native.graphs import CudaRecorder
from tests.support.architectures import served, tiny_architecture
from tests.unit.engine.test_native_kernels import asked, by_key


def engine(model, device, kv="", **limits):
    return NativeEngine(replace(served(model), device=str(device), kv=kv), NativeLimits(kv_bytes=1 << 20, **limits))


@pytest.mark.parametrize(("name", "kv"), [("llama", ""), ("llama", "int8"), ("gemma2", ""), ("qwen2", "")])
def test_answers_are_those_of_torch_but_for_near_ties(name, kv, device):
    model, requests = tiny_architecture(name).to(device), asked(readers=5, budget=24)
    plain = engine(model, device, kv)
    expected = by_key(plain.generate(requests))
    for graphs in (False, True):
        kernels = engine(model, device, kv, kernels="triton", graphs=graphs)
        found = by_key(kernels.generate(requests))
        different = sum(found[key].tokens != expected[key].tokens for key in expected)
        assert different <= plain.counters.near_ties + kernels.counters.near_ties


def test_decoding_passes_are_recorded_and_repeated(device):
    repeating = engine(tiny_architecture("llama").to(device), device, kernels="triton", graphs=True)
    assert isinstance(repeating._graphed.recorder, CudaRecorder)
    list(repeating.generate(asked(readers=5, budget=24)))
    assert repeating.counters.graph_forwards > repeating.counters.forwards / 3
    assert torch.cuda.memory_allocated(device) > 0
