"""Recipes: what a worker elsewhere must find before its answers count as ours; options that belong together."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from tailgate.engine.request import Request
from tailgate.errors import IntegrityError, UsageError, VariantError
from tailgate.pipeline.engines import choose_engine
from tailgate.pipeline.executors import OneProcess, OnRay, open_executor
from tailgate.pipeline.options import CompareOptions
from tailgate.pipeline.recipe import Recipe
from tailgate.pipeline.sides import served_checkpoint, served_model
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.support.tiny import Tiny, save_tiny
from tests.support.toy import fake_engine

ASKED = [Request(key=str(i), prompt_ids=(5 + i, 6, 7), max_new_tokens=6) for i in range(9)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"))


def recipe_of(spec, *, in_other_batches=False):
    variant = resolve(str(spec), "cpu")
    choice = choose_engine("native", variant.config)
    checkpoint = served_checkpoint(variant, load(variant).facts)
    return Recipe.of(choice, checkpoint, threads=1, in_other_batches=in_other_batches)


def answers(engine):
    return {each.key: each.tokens for batch in engine.generate(ASKED) for each in batch}


@pytest.mark.parametrize("in_other_batches", [False, True])
def test_a_recipe_opens_the_engine_that_this_process_would_build(model, in_other_batches):
    spec = f"{model}@rtn:bits=4,group=32"
    variant = resolve(spec, "cpu")
    here = choose_engine("native", variant.config).build(served_model(variant, load(variant)))
    assert answers(recipe_of(spec, in_other_batches=in_other_batches).open()) == answers(here)


def test_a_recipe_travels_and_stays_the_same(model):
    recipe = recipe_of(model)
    there = pickle.loads(pickle.dumps(recipe))
    assert there == recipe
    assert hash(there) == hash(recipe)


def test_a_relative_path_is_made_absolute_because_workers_live_elsewhere(model, monkeypatch):
    monkeypatch.chdir(model.parent)
    assert recipe_of(f"./{model.name}@rtn:bits=4,group=32").spec == f"{model.resolve()}@rtn:bits=4,group=32"
    assert Path(recipe_of(f"./{model.name}").spec) == model.resolve()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"fingerprint": "0" * 64}, "fingerprint of the weights"),
        ({"tokenizer_sha256": "0" * 64}, "tokenizer"),
        ({"engine_version": "0"}, "engine"),
    ],
)
def test_a_node_with_other_weights_tokenizer_or_versions_is_refused(model, changes, what):
    with pytest.raises(IntegrityError, match=rf"the {what} of '.*' differs between this machine and node "):
        replace(recipe_of(model), **changes).open()


def test_weights_that_changed_after_they_were_fingerprinted_are_refused(tmp_path):
    recipe = recipe_of(save_tiny(tmp_path / "model"))
    save_tiny(tmp_path / "model", Tiny(seed=1))
    with pytest.raises(IntegrityError, match="fingerprint of the weights"):
        recipe.open()


def test_a_node_without_the_model_says_so(model):
    with pytest.raises(VariantError, match="no model '/not/there'"):
        replace(recipe_of(model), spec="/not/there").open()


def test_one_process_leaves_an_engine_as_it_is():
    choice = fake_engine(str, str)
    with open_executor(CompareOptions(baseline="m", candidates=()), "cpu") as executor:
        assert isinstance(executor, OneProcess)
        assert executor.spread(choice) is choice
        assert executor.describe()["name"] == "process"


@pytest.mark.parametrize(
    ("option", "name"), [({"workers": 2}, "--workers 2"), ({"ray_address": "auto"}, "--ray-address")]
)
def test_options_of_ray_without_ray_are_refused(option, name):
    with (
        pytest.raises(UsageError, match=f"{name}.*belongs to --executor ray"),
        open_executor(CompareOptions(baseline="m", candidates=(), **option), "cpu"),
    ):
        raise AssertionError("not reached")


def test_an_engine_that_asks_a_server_is_not_spread():
    choice = replace(fake_engine(str, str), name="endpoint")
    with pytest.raises(UsageError, match="an endpoint is asked without it"):
        OnRay(None).spread(choice)
