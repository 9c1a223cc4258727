"""A real server of tiny models: what clients get, alone and together, and what they are refused."""

import asyncio
import json
import threading
import time

import httpx2
import numpy as np
import openai
import pytest

from tailgate.engine.request import Request
from tailgate.serve.hosting import build_engine, resolve_served
from tailgate.variants.load import load
from tests.support.serving import ask, running, tiny_service, wait_for
from tests.support.tiny import Tiny, save_tiny

CONTEXT = 512


@pytest.fixture(scope="module")
def engines(served):
    return {name: build_engine(each, load(each)) for name, each in resolve_served(served, "cpu").items()}


def prompts(count, seed=0, longest=60):
    rng = np.random.default_rng(seed)
    return [rng.integers(4, 260, int(rng.integers(1, longest))).tolist() for _ in range(count)]


def expected(engine, asked, budget, stop=()):
    """What the engine answers by itself, all requests at once."""
    requests = [
        Request(key=str(n), prompt_ids=tuple(each), max_new_tokens=budget, stop=stop) for n, each in enumerate(asked)
    ]
    found = {answer.key: answer for batch in engine.generate(requests) for answer in batch}
    return [found[str(n)] for n in range(len(asked))]


def token_ids(choice):
    return tuple(choice.model_extra["token_ids"])


def test_answers_are_those_of_the_engine_token_for_token(here, engines):
    asked = prompts(6)
    answers = expected(engines["base"], asked, 24)
    found = [ask(here.client(), each).choices[0] for each in asked]
    assert [token_ids(each) for each in found] == [each.tokens for each in answers]
    assert [each.text for each in found] == [each.text for each in answers]
    assert [each.finish_reason for each in found] == [each.finish_reason for each in answers]


def test_answers_are_the_same_under_concurrency_and_on_both_variants(here, engines):
    asked = prompts(24, seed=1)
    wanted = {name: expected(engine, asked, 32) for name, engine in engines.items()}
    assert [each.tokens for each in wanted["base"]] != [each.tokens for each in wanted["small"]]

    async def everything():
        client = openai.AsyncOpenAI(base_url=f"{here.url}/v1", api_key="none", max_retries=0)
        async with client:
            return await asyncio.gather(*(ask(client, each, 32, model=name) for name in engines for each in asked))

    found = asyncio.run(everything())
    tokens = [token_ids(each.choices[0]) for each in found]
    assert tokens == [each.tokens for name in engines for each in wanted[name]]


def test_a_request_joins_the_batch_while_others_decode(here):
    session_sizes = []
    worker = here.service.worker
    session = worker._sessions["base"]
    step = session.step

    def counted():
        session_sizes.append(session.unfinished)
        return step()

    session.step = counted
    try:
        stream = ask(here.client(), [5, 6, 7], 400, stream=True)
        first = next(iter(stream))
        assert first is not None
        ask(here.client(), [8, 9], 4)
        stream.close()
    finally:
        session.step = step
    assert 2 in session_sizes


def test_a_list_of_prompts_is_answered_in_order(here, engines):
    asked = prompts(5, seed=2)
    found = ask(here.client(), asked, 8)
    assert [each.index for each in found.choices] == list(range(5))
    assert [token_ids(each) for each in found.choices] == [each.tokens for each in expected(engines["base"], asked, 8)]
    assert found.usage.prompt_tokens == sum(map(len, asked))


def test_text_is_tokenized_as_by_the_model(here, engines):
    text = "Où est la bibliothèque? 図書館"
    found = ask(here.client(), text, 8).choices[0]
    assert found.model_extra["prompt_token_ids"] == list(here.service.hosted["base"].encode(text))


def test_a_chat_goes_through_the_template(here, engines):
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": " two"}]},
    ]
    found = here.client().chat.completions.create(model="base", messages=messages, max_tokens=12)
    prompt = here.service.hosted["base"].encode("<u>be brief<u>one two<a>")
    (answer,) = expected(engines["base"], [prompt], 12)
    assert found.choices[0].message.content == answer.text
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (len(prompt), len(answer.tokens))
    assert found.model == "base"


def test_an_answer_can_be_sent_back_as_a_turn(here):
    client = here.client()
    first = client.chat.completions.create(model="base", messages=[{"role": "user", "content": "a"}], max_tokens=3)
    turns = [{"role": "user", "content": "a"}, first.choices[0].message.model_dump(), {"role": "user", "content": "b"}]
    assert client.chat.completions.create(model="base", messages=turns, max_tokens=3).choices[0].finish_reason


def test_a_stream_adds_up_to_the_whole_answer(here, engines):
    for prompt in prompts(6, seed=3):
        (answer,) = expected(engines["base"], [prompt], 40)
        pieces = list(ask(here.client(), prompt, 40, stream=True, stream_options={"include_usage": True}))
        choices = [each.choices[0] for each in pieces if each.choices]
        assert "".join(each.text for each in choices) == answer.text
        assert sum((token_ids(each) for each in choices if "token_ids" in each.model_extra), ()) == answer.tokens
        assert [each.finish_reason for each in choices if each.finish_reason] == [answer.finish_reason]
        assert pieces[-1].usage.completion_tokens == len(answer.tokens)


def test_a_chat_stream_begins_with_its_role_and_ends_with_its_reason(here):
    asked = {"model": "base", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 20}
    whole = here.client().chat.completions.create(**asked).choices[0]
    pieces = [each.choices[0] for each in here.client().chat.completions.create(**asked, stream=True)]
    assert pieces[0].delta.role == "assistant"
    assert "".join(each.delta.content or "" for each in pieces) == whole.message.content
    assert pieces[-1].finish_reason == whole.finish_reason


def test_events_are_framed_as_the_standard_asks(here):
    found = here.post("/v1/completions", {"model": "base", "prompt": [5], "max_tokens": 3, "stream": True})
    assert found.headers["content-type"].startswith("text/event-stream")
    events = found.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert all(json.loads(each.removeprefix("data: "))["object"] == "text_completion" for each in events[:-2])


def test_a_stop_string_ends_the_answer_and_is_never_streamed(here, engines):
    prompt = prompts(1, seed=4)[0]
    (whole,) = expected(engines["base"], [prompt], 40)
    stop = whole.text[6:9]
    (answer,) = expected(engines["base"], [prompt], 40, (stop,))
    assert answer.finish_reason == "stop"
    assert ask(here.client(), prompt, 40, stop=stop).choices[0].text == answer.text
    pieces = [each.choices[0].text for each in ask(here.client(), prompt, 40, stop=[stop], stream=True)]
    assert "".join(pieces) == answer.text


def test_logprobs_are_those_of_the_greedy_tokens(here, engines):
    prompt = [5, 6, 7, 8]
    found = ask(here.client(), prompt, 6, logprobs=3).choices[0]
    asked = Request(key="a", prompt_ids=tuple(prompt), max_new_tokens=6)
    ((answer,),) = engines["base"].generate([asked])
    best = [float(top.log_probs[0]) for top in answer.tops[:6]]
    assert found.logprobs.token_logprobs == pytest.approx(best, abs=1e-4)
    assert found.logprobs.tokens == [here.service.hosted["base"].token_text(each) for each in answer.tokens]
    # Parts of characters share the text of the replacement character: at most three names a token.
    assert all(1 <= len(each) <= 3 for each in found.logprobs.top_logprobs)


def test_echoed_logprobs_score_the_prompt_as_the_engine_does(here, engines):
    from tailgate.engine.request import ChoiceRequest

    context, choice = (5, 6, 7), (8, 9, 10)
    ((wanted,),) = engines["base"].score([ChoiceRequest(key="a", context_ids=context, choices=(choice,))])
    found = ask(here.client(), [*context, *choice], 0, echo=True, logprobs=1).choices[0]
    assert found.logprobs.token_logprobs[0] is None
    assert sum(found.logprobs.token_logprobs[3:]) == pytest.approx(wanted.log_likelihoods[0], abs=1e-3)
    assert found.text == here.service.hosted["base"].decode((*context, *choice))
    more = ask(here.client(), [*context, *choice], 4, echo=True, logprobs=1).choices[0]
    assert len(more.logprobs.tokens) == 6 + len(token_ids(more))


def test_chat_logprobs_name_alternatives(here):
    asked = {"model": "base", "messages": [{"role": "user", "content": "x"}], "max_tokens": 4}
    found = here.client().chat.completions.create(**asked, logprobs=True, top_logprobs=2).choices[0].logprobs.content
    for token in found:
        assert len(token.top_logprobs) == 2
        assert token.top_logprobs[0].logprob == pytest.approx(token.logprob)


def test_models_are_listed_with_their_context(here):
    found = here.client().models.list().data
    assert [each.id for each in found] == ["base", "small"]
    assert here.client().models.retrieve("small").model_extra["max_model_len"] == CONTEXT
    assert found[0].model_extra["fingerprint"] != found[1].model_extra["fingerprint"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_takes_its_sequence_along(here, stream):
    cancelled = here.service.metrics.cancelled.labels("base")._value
    before = cancelled.get()
    body = {"model": "base", "prompt": [5, 6], "max_tokens": 500, "stream": stream}

    def leave():
        with pytest.raises(httpx2.TimeoutException), httpx2.stream("POST", url, json=body, timeout=0.5) as response:
            next(response.iter_bytes())
            raise httpx2.ReadTimeout("enough seen")

    url = f"{here.url}/v1/completions"
    slow_down(here, leave)
    wait_for(lambda: cancelled.get() == before + 1, "the count of clients that left")
    wait_for(lambda: here.service.worker._sessions["base"].unfinished == 0, "an empty batch")
    wait_for(lambda: here.service._under_way == 0, "the room to be given back")


def slow_down(here, work):
    """Do something while every step of the base variant waits a little."""
    session = here.service.worker._sessions["base"]
    step = session.step

    def slow():
        time.sleep(0.02)
        return step()

    session.step = slow
    try:
        return work()
    finally:
        session.step = step


def test_metrics_count_requests_and_tokens(here):
    ask(here.client(), [5, 6], 4)
    text = here.get("/metrics").text
    assert 'tailgate_requests_total{model="base",route="/v1/completions",status="200"}' in text
    assert 'tailgate_new_tokens_total{model="base"}' in text
    assert 'tailgate_engine_total{kind="forwards",model="base"}' in text
    here.post("/v1/completions", {"model": "no-such-model-as-a-label", "prompt": [5]})
    assert "no-such-model-as-a-label" not in here.get("/metrics").text


def test_a_broken_step_fails_its_requests_and_the_next_one_is_served(here):
    session = here.service.worker._sessions["base"]

    def broken():
        raise RuntimeError("a kernel went wrong")

    session.step = broken
    found = here.post("/v1/completions", {"model": "base", "prompt": [5], "max_tokens": 3})
    assert found.status_code == 500
    assert "a kernel went wrong" in found.json()["error"]["message"]
    assert len(token_ids(ask(here.client(), [5], 3).choices[0])) > 0


def test_logits_that_are_not_finite_are_an_error_and_no_answer(tmp_path):
    service = tiny_service({"base": str(save_tiny(tmp_path / "broken"))})
    # Once it is loaded: files that hold such weights are refused.
    service.hosted["base"].engine.model.module.get_input_embeddings().weight.data[200] = float("nan")
    with running(service) as broken:
        body = {"model": "base", "prompt": [5, 200], "max_tokens": 4}
        found = broken.post("/v1/completions", body)
        assert (found.status_code, found.json()["error"]["code"]) == (500, "nonfinite")
        with pytest.raises(openai.APIError, match="not finite"):
            list(ask(broken.client(), [5, 200], 4, stream=True))
        assert broken.post("/v1/completions", {**body, "prompt": [5, 6]}).status_code == 200


def chat(here):
    return here.client().chat.completions.create(model="base", messages=[{"role": "user", "content": "x"}] * 2)


def test_a_model_without_a_template_answers_no_chats(tmp_path):
    folder = save_tiny(tmp_path / "plain", Tiny(template=None))
    service = tiny_service({"base": str(folder)})
    with running(service) as plain, pytest.raises(openai.BadRequestError, match="has no chat template"):
        chat(plain)


def test_a_template_that_refuses_is_a_bad_request(tmp_path):
    template = "{% if messages|length > 1 %}{{ raise_exception('roles must alternate') }}{% endif %}<a>"
    service = tiny_service({"base": str(save_tiny(tmp_path / "strict", Tiny(template=template)))})
    with running(service) as strict, pytest.raises(openai.BadRequestError, match="roles must alternate"):
        chat(strict)


def test_a_shutdown_finishes_what_is_under_way_and_refuses_the_rest(folder):
    service = tiny_service({"base": str(folder)})
    with running(service) as ending:
        found = {}

        def long_request():
            found["answer"] = ask(ending.client(), [5, 6], 300).choices[0]

        asking = threading.Thread(target=long_request)

        def begin():
            asking.start()
            wait_for(lambda: service._under_way == 1, "the request")
            ending.http.handle_exit(15, None)
            assert service.draining
            with pytest.raises(httpx2.TransportError):
                for _ in range(500):
                    refused = ending.post("/v1/completions", {"model": "base", "prompt": [7]})
                    assert refused.status_code == 503
                    assert ending.get("/health").status_code == 503

        slow_down(ending, begin)
        asking.join()
    assert found["answer"].finish_reason in ("length", "stop")
    assert not service.worker.alive
