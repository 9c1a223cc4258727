"""Addresses as the sides of a comparison: a real HTTP server on loopback, a toy slice, and the whole job over both."""

import json
from contextlib import contextmanager

import pytest

from tailgate.errors import IntegrityError, SetupError, UsageError, VariantError
from tailgate.pipeline import compare as job
from tailgate.pipeline.options import CompareOptions
from tailgate.store.run_folder import read_outcomes
from tailgate.variants.variant import resolve
from tests.support.talker import Manners, serving
from tests.support.tiny import Tiny, save_tiny, tiny_tokenizer

pytestmark = pytest.mark.usefixtures("toy_slice")

SUITE = 'name = "toys"\nversion = "1"\nseed = 7\ngate = "quick"\n' + (
    '[[slices]]\nname = "toy"\ngate_by = "level"\nstrata = ["level=1", "level=2"]\n'
)
END = 1


def echo(word):
    return word


def half_broken(word):
    return word if word < "e" else "?"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """A folder as a server's host has it, without the weights."""
    folder = save_tiny(tmp_path_factory.mktemp("tiny"))
    for path in folder.glob("*.safetensors"):
        path.unlink()
    return folder


@contextmanager
def saying(rule, **manners):
    """A server of one model `toy` that answers the toy slice by a rule; its API root and its manners."""
    reads = tiny_tokenizer(Tiny())

    def respond(body):
        ids = tuple(body["prompt"])
        heard, said = ids[: ids.index(3) + 1], ids[ids.index(3) + 1 :]
        word = reads.decode(list(heard), skip_special_tokens=True).removeprefix("say ")
        whole = (*reads.encode(rule(word), add_special_tokens=False), END)
        tokens = list(whole[len(said) : len(said) + body["max_tokens"]]) or [END]
        text = reads.decode(tokens, skip_special_tokens=True)
        choice = {"text": text, "finish_reason": "stop" if tokens[-1] == END else "length", "token_ids": tokens}
        usage = {"prompt_tokens": len(ids), "completion_tokens": len(tokens)}
        return {"model": body["model"], "choices": [choice], "usage": usage}

    behaves = Manners(model="toy", owned_by="tailgate", responds=respond, **manners)
    with serving(behaves) as url:
        yield url, behaves


@pytest.fixture
def compare(tmp_path, tokenizer):
    (tmp_path / "suite.toml").write_text(SUITE)

    def run(baseline, *candidates, **options):
        asked = {"suite": str(tmp_path / "suite.toml"), "out": tmp_path / "run", "store": tmp_path / "store"}
        asked |= {"controls": "none", **options}
        spec = f"#toy@endpoint:tokenizer={tokenizer},concurrency=8"
        sides = [each + spec if each.startswith("http") else each for each in (baseline, *candidates)]
        return job.compare_variants(CompareOptions(baseline=sides[0], candidates=tuple(sides[1:]), **asked))

    return run


def test_two_servers_are_compared_without_naming_an_engine(compare):
    with saying(echo) as (baseline, _), saying(half_broken) as (candidate, _):
        result = compare(baseline, candidate)
    assert result.verdict.decision == "regression"
    assert result.manifest["engine"]["name"] == "endpoint"
    rows = read_outcomes(result.path)
    assert {row.candidate_text == row.baseline_text for row in rows} == {True, False}


def test_report_says_loudly_that_weights_of_a_server_are_not_verified(compare):
    with saying(echo) as (url, _), saying(echo) as (other, _):
        result = compare(url, other)
    assert result.verdict.decision == "pass"
    assert f"WEIGHTS NOT VERIFIED: toy at {url} is a server" in " ".join(result.manifest["notes"])
    assert "WEIGHTS NOT VERIFIED" in (result.path / "report.md").read_text()


def test_controls_of_a_server_are_its_noise_floor_alone(compare):
    with saying(echo) as (url, _):
        result = compare(url, url, controls="auto", max_items=20)
    assert result.verdict.noise_floor["n"] > 0
    assert "positive control" in " ".join(result.manifest["controls"]["missing"])


def test_another_run_takes_no_answer_of_an_earlier_one_from_a_server(compare, tmp_path):
    """The same address may serve other weights tomorrow."""
    with saying(echo) as (url, manners):
        compare(url, url)
        asked = len(manners.asked)
        again = compare(url, url, out=tmp_path / "again")
        assert len(manners.asked) == 2 * asked
    assert all(side["cached"] == 0 for side in again.manifest["counters"].values())


def test_run_goes_on_where_the_server_left_it(compare, tmp_path):
    with saying(echo) as (baseline, asked_before), saying(echo) as (candidate, other):
        other.misbehave = lambda body, number: body if number < 30 else (400, {})
        with pytest.raises(SetupError, match=r"refuses: .*finished answers are kept"):
            compare(baseline, candidate)
        before = len(asked_before.asked)
        other.misbehave = None
        options = CompareOptions.from_manifest(
            json.loads((tmp_path / "run/manifest.json").read_text()), tmp_path / "run"
        )
        result = job.compare_variants(options)
        assert result.verdict.decision == "pass"
        assert len(asked_before.asked) - before < before
    counters = result.manifest["counters"]
    assert sum(side["cached"] for side in counters.values()) > 0


def test_context_that_the_server_serves_makes_longer_strata_not_applicable(compare):
    with saying(echo, context=39) as (url, _), pytest.raises(Exception, match="the model has 39"):
        compare(url, url)


def test_server_and_loaded_model_are_refused_as_a_pair_unless_allowed(compare, tmp_path):
    model = str(save_tiny(tmp_path / "model"))
    with saying(echo) as (url, _):
        with pytest.raises(UsageError, match="would be answered by different engines"):
            compare(model, url)
        result = compare(model, url, allow_mixed_engines=True, max_items=20)
    assert "MIXED ENGINES" in " ".join(result.manifest["notes"])
    assert [side["engine"]["name"] for side in result.manifest["candidates"]] == ["endpoint"]


def test_engine_that_answers_for_no_side_is_refused(compare, tmp_path):
    model = str(save_tiny(tmp_path / "model"))
    with saying(echo) as (url, _), pytest.raises(UsageError, match="every side is an address"):
        compare(url, url, engine="native")
    with pytest.raises(UsageError, match="is no address"):
        compare(model, model, engine="endpoint")


def test_servers_of_different_tokenizers_are_no_pair(tmp_path, tokenizer):
    (tmp_path / "suite.toml").write_text(SUITE)
    other = save_tiny(tmp_path / "other", Tiny(extra_tokens=3))
    sides = [f"http://localhost:1/v1#toy@endpoint:tokenizer={each}" for each in (tokenizer, other)]
    with pytest.raises(IntegrityError, match="vocabulary sizes"):
        job.compare_variants(
            CompareOptions(
                baseline=sides[0], candidates=(sides[1],), suite=str(tmp_path / "suite.toml"), out=tmp_path / "run"
            )
        )


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ("http://localhost/v1#toy", "names no tokenizer"),
        ("http://localhost/v1#toy@endpoint", "names no tokenizer"),
        ("http://localhost/v1@endpoint:tokenizer=T", "names no model"),
        ("http://localhost/v1#toy@rtn:bits=2", "@rtn changes weights"),
        ("http://me:secret@localhost/v1#toy@endpoint:tokenizer=T", "holds a user name or password"),
        ("http://localhost:x/v1#toy@endpoint:tokenizer=T", "is no address"),
        ("http://localhost/v1?key=1#toy@endpoint:tokenizer=T", "without a query"),
        ("http://localhost/v1#toy@endpoint:tokenizer=T,dtype=fp16", "dtype= says how weights are read"),
        ("http://localhost/v1#toy@endpoint:tokenizer=T,concurrency=many", "concurrency=many is no whole number"),
        ("http://localhost/v1#toy@endpoint:tokenizer=T,concurrency=0", "give a number of at least 1"),
        (
            "http://localhost/v1#toy@endpoint:tokenizer=T,api=soap",
            "api=soap is not served; choose from completions, chat",
        ),
        ("T@endpoint:tokenizer=T", "belongs behind an address"),
    ],
)
def test_malformed_address_is_refused_in_one_line(tokenizer, spec, line):
    with pytest.raises(VariantError, match=line) as raised:
        resolve(spec.replace("T", str(tokenizer), 2) if "T" in spec else spec, "cpu")
    assert "secret" not in str(raised.value)
