"""The endpoint engine against a real HTTP server on loopback, well-mannered and not."""

import pytest

from tailgate.engine.endpoint.client import Place
from tailgate.engine.endpoint.engine import EndpointEngine, EndpointLimits, Texts
from tailgate.engine.endpoint.opening import find_dialect, open_endpoint, read_card
from tailgate.engine.finish import Ending
from tailgate.engine.request import ChoiceRequest, Draft
from tailgate.errors import IntegrityError, SetupError, TailgateError, UsageError
from tests.support.talker import END, SPEAKS, VOCABULARY, Manners, Talker, decode, encode, request, serving

TEXTS = Texts(prompt=lambda ids: decode(ids) + "|", encode=encode, vocabulary=VOCABULARY)
ENDING = Ending(decode=decode, eos_token_ids=frozenset({END}))
WORDS = ["ABC", "HELLO", "QUICK", "BROWN", "FOX", "JUMPS", "OVER", "LAZY", "DOGS", "AGAIN"]


@pytest.fixture
def talk():
    """Ask a server of some manners; closes what it opened."""
    opened = []

    def start(manners, *, chat=False, concurrency=4, **place):
        context = serving(manners)
        url = context.__enter__()
        opened.append(context)
        where = Place(url=url, model="talker", **{"timeout_s": 20.0, "retries": 2, **place})
        dialect = find_dialect(where, TEXTS, chat=chat)
        engine = open_endpoint(where, dialect, ENDING, TEXTS, EndpointLimits(concurrency=concurrency), chat=chat)
        opened.append(engine)
        return engine

    yield start
    for each in reversed(opened):
        each.close() if isinstance(each, EndpointEngine) else each.__exit__(None, None, None)


def answers(engine, requests):
    return {each.key: each for batch in engine.generate(requests) for each in batch}


@pytest.mark.parametrize("owned_by", ["vllm", "tailgate", "someone"])
@pytest.mark.parametrize("stop", [(), ("GH",), ("M", "S")])
@pytest.mark.parametrize("budget", [1, 3, 12])
def test_answers_are_those_of_the_model_whatever_the_server_tells(talk, owned_by, stop, budget):
    talker = Talker()
    engine = talk(Manners(talker=talker, owned_by=owned_by))
    requests = [request(word, word, budget, stop) for word in WORDS]
    found = answers(engine, requests)
    for each in requests:
        truth = talker.answer(each)
        assert (found[each.key].text, found[each.key].finish_reason) == (truth.text, truth.finish_reason)
        if owned_by != "someone":
            assert found[each.key].tokens == truth.tokens


def test_server_that_takes_text_alone_is_sent_text(talk):
    manners = Manners(ids_refused=True)
    engine = talk(manners)
    assert answers(engine, [request("a", "HELLO")])["a"].text == "IFMMP"
    assert manners.asked[-1]["prompt"] == "HELLO|"


def test_chat_interface_is_sent_the_message_the_prompt_was_made_of(talk):
    manners = Manners()
    engine = talk(manners, chat=True)
    assert answers(engine, [request("a", "HELLO")])["a"].text == "IFMMP"
    assert manners.asked[-1]["messages"] == [{"role": "user", "content": "HELLO"}]


@pytest.mark.parametrize("owned_by", ["vllm", "someone"])
@pytest.mark.parametrize("baseline", [Talker(shift=2), Talker(late=2), Talker()])
def test_verified_answers_are_those_of_decoding(talk, owned_by, baseline):
    candidate = Talker()
    engine = talk(Manners(talker=candidate, owned_by=owned_by))
    requests = [request(word, word, budget) for word in WORDS for budget in (3, 12)][::3]
    drafts = [Draft(request=each, baseline=baseline.answer(each)) for each in requests]
    found = {each.transcript.key: each for batch in engine.verify(drafts) for each in batch}
    for draft in drafts:
        assert found[draft.request.key].transcript == candidate.answer(draft.request)
    stats = [each.stats for each in found.values()]
    assert all(each is not None for each in stats) == (owned_by == "vllm")


def test_answer_that_the_server_takes_for_ended_too_early_goes_on(talk):
    """A character may begin in the prompt and end in the answer; its text then holds what stands before it."""

    def hasty(body, number):
        choice = body["choices"][0]
        if len(choice["token_ids"]) > 2:
            choice.update(token_ids=choice["token_ids"][:2], finish_reason="stop")
            body["usage"]["completion_tokens"] = 2
        return body

    requests = [request(word, word, stop=("Z",)) for word in WORDS]
    found = answers(talk(Manners(owned_by="vllm", misbehave=hasty)), requests)
    assert found == {each.key: Talker().answer(each) for each in requests}


def test_choices_are_scored_where_the_server_looks_at_prompts(talk):
    engine = talk(Manners(owned_by="vllm"))
    context = (*encode("HI"), SPEAKS)
    asked = ChoiceRequest(key="a", context_ids=context, choices=(encode("IJ"), encode("IK"), encode("K")))
    ((scores,),) = engine.score([asked])
    assert scores.log_likelihoods == (0.0, -0.25, -0.5)


def test_choices_of_a_server_that_does_not_look_at_prompts_are_refused(talk):
    engine = talk(Manners())
    with pytest.raises(UsageError, match="tells no log-probabilities"):
        list(engine.score([ChoiceRequest(key="a", context_ids=(5,), choices=((6,),))]))


def test_no_more_questions_are_under_way_than_asked_for(talk):
    manners = Manners(owned_by="vllm", rests_s=0.02)
    engine = talk(manners, concurrency=3)
    answers(engine, [request(str(i), word) for i, word in enumerate(WORDS)])
    assert manners.most_at_once == 3


def test_sampling_of_a_vllm_server_is_switched_off_by_every_question(talk):
    manners = Manners(owned_by="vllm")
    answers(talk(manners), [request("a", "HELLO")])
    asked = manners.asked[-1]
    assert (asked["temperature"], asked["repetition_penalty"], asked["top_k"]) == (0, 1.0, 0)
    assert (asked["ignore_eos"], asked["stop_token_ids"]) == (True, [END])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_server_is_asked_again_after_the_time_it_names(talk, status):
    manners = Manners(owned_by="vllm", misbehave=lambda body, n: (status, {"Retry-After": "0.05"}) if n < 2 else body)
    assert answers(talk(manners, concurrency=1), [request("a", "HELLO")])["a"].text == "IFMMP"
    assert len(manners.asked) == 3


def test_api_key_comes_from_the_environment_variable_that_is_named(talk, monkeypatch):
    monkeypatch.setenv("TALKER_KEY", "secret")
    manners = Manners(owned_by="vllm", key="secret")
    assert answers(talk(manners, key_env="TALKER_KEY"), [request("a", "ABC")])["a"].text == "BCD"
    with pytest.raises(UsageError, match="key_env=NO_SUCH_KEY: no such environment variable"):
        talk(manners, key_env="NO_SUCH_KEY")


def without(body, *path):
    for key in path[:-1]:
        body = body[key]
    del body[path[-1]]


def changed(change):
    """A misbehaviour from the third answer on: the first two are well-mannered."""

    def misbehave(body, number):
        if number < 2:
            return body
        found = change(body)
        return body if found is None else found

    return misbehave


MISBEHAVIOURS = {
    "garbage": (lambda _: b"<html>hello</html>", IntegrityError, "does not answer as OpenAI's interface does"),
    "empty": (lambda _: b"", IntegrityError, "does not answer as OpenAI's interface does"),
    "a list": (lambda _: b"[1, 2]", IntegrityError, "does not answer as OpenAI's interface does"),
    "missing usage": (lambda body: without(body, "usage"), IntegrityError, "usage: field required"),
    "missing model": (lambda body: without(body, "model"), IntegrityError, "model: field required"),
    "no answer": (lambda body: body.update(choices=[]), IntegrityError, "gave 0 answers to one question"),
    "another model": (lambda body: body.update(model="gpt-9"), IntegrityError, "answered as model 'gpt-9'"),
    "unknown end": (lambda body: body["choices"][0].update(finish_reason="content_filter"), IntegrityError,
                    "ended an answer with 'content_filter'"),
    "no end": (lambda body: body["choices"][0].update(finish_reason=None), IntegrityError,
               "ended an answer with 'None'"),
    "cut short": (lambda body: body["choices"][0].update(finish_reason="length"), IntegrityError,
                  "for its length after"),
    "another tokenizer": (lambda body: body["usage"].update(prompt_tokens=99), IntegrityError, "its tokenizer or chat"),
    "no token ids": (lambda body: without(body, "choices", 0, "token_ids"), IntegrityError, "told no token ids"),
    "a token beyond the vocabulary": (lambda body: body["choices"][0]["token_ids"].__setitem__(0, VOCABULARY),
                                      IntegrityError, "told token 64, the vocabulary has 64"),
    "a token below it": (lambda body: body["choices"][0]["token_ids"].__setitem__(0, -5), IntegrityError, "token -5"),
    "other token ids": (lambda body: body["choices"][0].update(token_ids=[5]), IntegrityError, "and told 1"),
    "closes early": (lambda _: "close", SetupError, "is not reached or closed early"),
    "refuses": (lambda _: (400, {}), SetupError, "refuses: .*not now"),
    "always busy": (lambda _: (429, {"Retry-After": "0.01"}), SetupError, "refuses: .*not now"),
    "unknown": (lambda _: (404, {}), SetupError, "is not there"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_misbehaving_server_ends_the_run_in_one_line_and_finished_answers_are_handed_over(talk, name):
    change, kind, line = MISBEHAVIOURS[name]
    engine = talk(Manners(owned_by="vllm", misbehave=changed(change)), concurrency=1)
    kept = []
    with pytest.raises(kind, match=line) as raised:
        for batch in engine.generate([request(str(i), word) for i, word in enumerate(WORDS)]):
            kept += batch
    assert len(kept) == 2
    assert isinstance(raised.value, TailgateError)
    assert raised.value.exit_code == 4
    assert "\n" not in str(raised.value)


def test_server_that_streams_forever_is_left_at_the_deadline(talk):
    engine = talk(Manners(owned_by="vllm", misbehave=lambda body, n: "forever"), timeout_s=0.6)
    with pytest.raises(SetupError, match=r"gave no whole answer within 0\.6 s"):
        answers(engine, [request("a", "HELLO")])


def test_response_without_measure_is_given_up(talk, monkeypatch):
    monkeypatch.setattr("tailgate.engine.endpoint.transport.MOST_BYTES", 1 << 20)
    engine = talk(Manners(owned_by="vllm", misbehave=lambda body, n: b" " * (2 << 20)), retries=0)
    with pytest.raises(SetupError, match="a response of more than 1 MiB"):
        answers(engine, [request("a", "HELLO")])


def test_what_a_server_says_does_not_steer_the_terminal(talk):
    def hostile(body):
        body.update(model="\x1b[2J\r\n" + "x" * 500)

    engine = talk(Manners(owned_by="vllm", misbehave=lambda body, n: hostile(body) or body))
    with pytest.raises(IntegrityError) as raised:
        answers(engine, [request("a", "HELLO")])
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 300


def test_server_that_is_not_there_is_named():
    with pytest.raises(SetupError, match=r"talker at http://127.0.0.1:9/v1 is not reached"):
        read_card(Place(url="http://127.0.0.1:9/v1", model="talker", retries=0))


def test_model_that_the_server_does_not_list_is_named():
    with serving(Manners()) as url, pytest.raises(IntegrityError, match="serves no model 'other'; it lists: talker"):
        read_card(Place(url=url, model="other"))
