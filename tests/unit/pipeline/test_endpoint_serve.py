"""The endpoint engine against `tailgate serve`: the answers are those of the engine behind the server."""

import pytest

from tailgate.engine.native.engine import NativeEngine
from tailgate.engine.request import Draft, Request
from tailgate.pipeline.endpoint_sides import endpoint_choice
from tailgate.pipeline.settings import EngineSettings
from tailgate.pipeline.sides import served_checkpoint, served_model
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.support.serving import running, tiny_service
from tests.support.tiny import save_tiny

PROMPTS = ("say hello", "count to ten", "a", "the quick brown fox jumps over the lazy dog")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def url(folder):
    with running(tiny_service({"base": str(folder), "small": f"{folder}@rtn:bits=4,group=64"})) as here:
        yield f"{here.url}/v1"


def asked(variant):
    return [
        Request(key=p, prompt_ids=variant.tokenizer.encode_prompt(p), max_new_tokens=budget, messages=(("user", p),))
        for p, budget in zip(PROMPTS, (4, 16, 24, 24), strict=True)
    ]


def native(spec):
    variant = resolve(spec, "cpu")
    return NativeEngine(served_model(variant, load(variant)))


@pytest.fixture
def endpoint(url, folder):
    opened = []

    def engine(name, options=""):
        choice = endpoint_choice(EngineSettings(session="test"))
        variant = resolve(f"{url}#{name}@endpoint:tokenizer={folder}{options}", "cpu")
        opened.append(choice.open(served_checkpoint(variant, choice.facts(variant))))
        return variant, opened[-1]

    yield engine
    for each in opened:
        each.close()


@pytest.mark.parametrize(("name", "method"), [("base", ""), ("small", "@rtn:bits=4,group=64")])
def test_answers_of_our_own_server_are_those_of_its_engine(endpoint, folder, name, method):
    variant, engine = endpoint(name)
    requests = asked(variant)
    found = {each.key: each for batch in engine.generate(requests) for each in batch}
    truth = {each.key: each for batch in native(f"{folder}{method}").generate(requests) for each in batch}
    assert found == truth


def test_verified_answers_of_our_own_server_are_those_of_its_engine(endpoint, folder):
    variant, engine = endpoint("small")
    requests = asked(variant)
    baseline = {each.key: each for batch in native(str(folder)).generate(requests) for each in batch}
    drafts = [Draft(request=each, baseline=baseline[each.key]) for each in requests]
    found = {each.transcript.key: each.transcript for batch in engine.verify(drafts) for each in batch}
    own = native(f"{folder}@rtn:bits=4,group=64")
    assert found == {each.key: each for batch in own.generate(requests) for each in batch}


def test_chat_of_our_own_server_reads_the_prompt_that_we_count(endpoint):
    variant, engine = endpoint("base", ",api=chat")
    found = [each for batch in engine.generate(asked(variant)) for each in batch]
    assert len(found) == len(PROMPTS)
