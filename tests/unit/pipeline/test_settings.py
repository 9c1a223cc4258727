"""What a run asks of engines that load weights themselves."""

from pathlib import Path

import pytest

from tailgate.config import load_run_config
from tailgate.errors import ConfigError, MissingPackageError, UsageError
from tailgate.pipeline.engines import choose_engine, engine_names
from tailgate.pipeline.options import CompareOptions, options_from_table, parse_engine_options
from tailgate.pipeline.settings import EngineSettings, engine_settings, mixed_engines


def asked(**options):
    return CompareOptions(baseline="a", candidates=("b",), **{"engine": "vllm", **options})


def test_memory_of_a_gpu_is_shared_by_the_engines_that_run_at_once():
    assert engine_settings(asked(), "cuda", Path("s")).gpu_memory == 0.45
    assert engine_settings(asked(gpu_memory=0.8), "cuda", Path("s")).gpu_memory == 0.4
    assert engine_settings(asked(gpu_memory=0.8, residency="one"), "cuda", Path("s")).gpu_memory == 0.8


@pytest.mark.parametrize(("engine", "device"), [("native", "cuda"), (None, "cuda"), ("vllm", "cpu")])
def test_share_of_memory_that_nothing_takes_is_refused(engine, device):
    with pytest.raises(UsageError, match="belongs to --engine vllm on a GPU"):
        engine_settings(asked(engine=engine, gpu_memory=0.5), device, Path("s"))


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5, 40.0])
def test_share_of_memory_that_is_none_is_refused(share):
    with pytest.raises(UsageError, match="give a share of the GPU's memory"):
        engine_settings(asked(gpu_memory=share), "cuda", Path("s"))


def test_options_of_a_run_file_are_those_of_the_command_line(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        'baseline = "a"\ncandidates = ["b"]\nengine = "vllm"\ngpu_memory = 0.8\n'
        "[engine_options]\ntensor_parallel_size = 2\nenforce_eager = true\nquantization = 'fp8'\n"
    )
    options = options_from_table(load_run_config(path).model_dump(exclude_none=True))
    written = ["tensor_parallel_size=2", "enforce_eager=true", "quantization=fp8"]
    assert options.engine_options == parse_engine_options(written)


def test_options_of_an_engine_survive_a_resume():
    options = asked(engine_options={"tensor_parallel_size": "2"}, gpu_memory=0.5, session="abc")
    again = CompareOptions.from_manifest({"options": options.to_dict()}, Path("run"))
    assert (again.engine_options, again.gpu_memory, again.session) == ({"tensor_parallel_size": "2"}, 0.5, "abc")


@pytest.mark.parametrize("written", ["tensor_parallel_size", "=2", "a="])
def test_option_that_is_no_key_and_value_is_refused(written):
    with pytest.raises(ConfigError, match="write key=value"):
        parse_engine_options([written])


def test_option_that_is_given_twice_is_refused():
    with pytest.raises(ConfigError, match="a is given twice"):
        parse_engine_options(["a=1", "a=2"])


@pytest.mark.parametrize("engine", ["native", "reference", "endpoint"])
def test_engine_without_options_refuses_them(engine):
    with pytest.raises(UsageError, match=f"the engine {engine} takes .*; vllm takes its own"):
        choose_engine(engine, None, EngineSettings(options=(("tensor_parallel_size", "2"),)))


@pytest.mark.parametrize(("engine", "package"), [("vllm", "vllm"), ("endpoint", "openai")])
def test_missing_package_names_the_extra(monkeypatch, engine, package):
    monkeypatch.setattr("tailgate.engine.vllm.opening.find_spec", lambda name: None)
    monkeypatch.setattr("tailgate.pipeline.endpoint_sides.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=rf"needs {package}.*pip install 'tailgate\[{engine}\]'"):
        choose_engine(engine, None, EngineSettings())


def test_engines_are_those_of_the_contract():
    assert engine_names()[:4] == ("native", "reference", "vllm", "endpoint")


def test_sides_of_one_engine_are_not_mixed():
    assert mixed_engines({"a": "vllm", "b": "vllm"}) is None
    assert mixed_engines({"a": "vllm", "b": "endpoint"}).startswith("MIXED ENGINES: 'a' by vllm, 'b' by endpoint")
