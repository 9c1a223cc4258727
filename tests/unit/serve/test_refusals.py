"""What a server refuses: what it does not serve, hostile bodies, wrong keys, too much at once."""

import json
import socket

import openai
import pytest

from tests.support.serving import ask, running, tiny_service, wait_for

CONTEXT = 512
KEY = "a-long-enough-secret-key"

REFUSED = [
    ({"temperature": 0.7}, "sampling is not served"),
    ({"top_p": 0.9}, "sampling is not served"),
    ({"n": 2}, "'n' is served as 1 only"),
    ({"best_of": 3}, "'best_of' is served as 1 only"),
    ({"logit_bias": {"5": 1}}, "'logit_bias' is not served"),
    ({"suffix": "end"}, "'suffix' is served as '' only"),
    ({"presence_penalty": 1.0}, "'presence_penalty' is served as 0 only"),
    ({"magic": 1}, "'magic' is not served"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"max_tokens": "5"}, "max_tokens"),
    ({"max_tokens": CONTEXT}, f"the model's context has {CONTEXT} tokens, the prompt has 2"),
    ({"prompt": []}, "prompt must be"),
    ({"prompt": ""}, "prompt must be"),
    ({"prompt": [[]]}, "the prompt is empty"),
    ({"prompt": {"a": 1}}, "prompt must be"),
    ({"prompt": [5, "a"]}, "neither a text nor a list of token ids"),
    ({"prompt": [True, False]}, "neither a text nor a list of token ids"),
    ({"prompt": [5, 100_000]}, "token 100000, the model's vocabulary has 260"),
    ({"prompt": [-1]}, "token -1"),
    ({"prompt": [10**30]}, "vocabulary has 260"),
    ({"prompt": [[5]] * 65}, "65 prompts in one request"),
    ({"prompt": [5] * (CONTEXT + 1)}, f"the prompt has {CONTEXT + 1}"),
    ({"stop": ["x"] * 17}, "17 stop strings"),
    ({"stop": [""]}, "a stop string is empty"),
    ({"logprobs": 6}, "logprobs"),
    ({"stream": True, "echo": True, "logprobs": 1}, "echo with logprobs is not streamed"),
]


@pytest.mark.parametrize(("change", "complaint"), REFUSED, ids=[str(each[0])[:40] for each in REFUSED])
def test_what_is_not_served_is_refused_by_name(here, change, complaint):
    found = here.post("/v1/completions", {"model": "base", "prompt": [5, 6], "max_tokens": 4, **change})
    assert found.status_code == 400
    error = found.json()["error"]
    assert complaint in error["message"]
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "change",
    [
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"response_format": {"type": "json_object"}},
        {"messages": []},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        {"messages": [{"role": "user"}]},
        {"max_tokens": 3, "max_completion_tokens": 4},
        {"top_logprobs": 2},
    ],
)
def test_what_chats_do_not_serve_is_refused(here, change):
    body = {"model": "base", "messages": [{"role": "user", "content": "x"}], **change}
    assert here.post("/v1/chat/completions", body).status_code == 400


def test_what_asks_for_greedy_decoding_is_served(here):
    asked = {"temperature": 0, "top_p": 1, "n": 1, "seed": 7, "user": "u", "logit_bias": {}, "presence_penalty": 0.0}
    found = here.post("/v1/completions", {"model": "base", "prompt": [5], "max_tokens": 2, **asked, "suffix": None})
    assert found.status_code == 200


def test_a_model_that_is_not_served_is_404(here):
    with pytest.raises(openai.NotFoundError, match="no model 'gpt-9' here; served: base, small"):
        ask(here.client(), [5], model="gpt-9")


HOSTILE = [
    (b"", 400),
    (b"\xff\xfe", 400),
    (b"null", 400),
    (b"[1, 2]", 400),
    (b'{"model": "base"', 400),
    (b"[" * 200_000, 400),
    (b'{"model": "base", "prompt": [' + b"9" * 5000 + b"]}", 400),
    (b'{"model": "base", "prompt": [5], "temperature": NaN}', 400),
    (b'{"model": "base", "prompt": "\\ud800 half"}', 400),
    (b'{"model": {"$ne": 1}, "prompt": [5]}', 400),
    (b'{"model": "base", "prompt": "\\u0000\\u202e</s><u>"}', 200),
]


@pytest.mark.parametrize(("body", "status"), HOSTILE)
def test_hostile_bodies_are_refused_and_harm_nobody(here, body, status):
    found = here.post("/v1/completions", body)
    assert found.status_code == status
    assert ("error" in found.json()) == (status != 200)
    assert here.get("/health").json() == {"status": "ok"}


def test_a_page_in_a_browser_cannot_ask(here):
    body = '{"model": "base", "prompt": [5]}'
    assert here.post("/v1/completions", body, headers={"content-type": "text/plain"}).status_code == 415
    rebound = here.post("/v1/completions", body, headers={"host": "evil.example"})
    assert rebound.status_code == 400


def test_an_unknown_route_is_told_as_an_error(here):
    assert here.get("/v1/nothing").json()["error"]["message"] == "Not Found"
    assert here.get("/v1/completions").status_code == 405


@pytest.fixture(scope="module")
def locked(folder):
    with running(tiny_service({"base": str(folder)}, api_key=KEY)) as found:
        yield found


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Basic a-long-enough-secret-key", "Bearer \xe9"])
def test_a_wrong_key_is_401(locked, given):
    for path in ("/v1/models", "/metrics"):
        found = locked.get(path, headers={"authorization": given.encode("latin-1")})
        assert found.status_code == 401
        assert found.json()["error"]["code"] == "invalid_api_key"


def test_the_right_key_is_served_and_health_needs_none(locked):
    assert ask(locked.client(api_key=KEY), [5], 2).choices[0].finish_reason
    assert locked.get("/health").status_code == 200
    assert locked.get("/v1/models", headers={"authorization": f"bearer {KEY}"}).status_code == 200


@pytest.fixture(scope="module")
def tight(folder):
    service = tiny_service({"base": str(folder)}, requests=2, body_bytes=1000, new_tokens=400, body_s=0.5)
    with running(service) as found:
        yield found


def test_a_full_server_says_when_to_come_back(tight):
    stream = ask(tight.client(), [[5], [6]], 400, stream=True)
    next(iter(stream))
    found = tight.post("/v1/completions", {"model": "base", "prompt": [7], "max_tokens": 1})
    stream.close()
    assert found.status_code == 429
    assert int(found.headers["retry-after"]) >= 1
    wait_for(lambda: tight.service._under_way == 0, "the room to be given back")
    assert tight.post("/v1/completions", {"model": "base", "prompt": [7], "max_tokens": 1}).status_code == 200


def test_a_body_too_long_is_413_even_without_a_length(tight):
    body = json.dumps({"model": "base", "prompt": "x" * 2000})
    assert tight.post("/v1/completions", body).status_code == 413
    assert tight.post("/v1/completions", body.encode(), headers={"transfer-encoding": "chunked"}).status_code == 413


def test_a_budget_too_large_is_400(tight):
    found = tight.post("/v1/completions", {"model": "base", "prompt": [7], "max_tokens": 401})
    assert "at most 400" in found.json()["error"]["message"]


def test_a_body_that_never_ends_is_408(tight):
    with socket.create_connection(("127.0.0.1", tight.port)) as slow:
        slow.sendall(
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 500\r\n\r\n{"
        )
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")
