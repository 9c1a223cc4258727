"""Shadow mode: the baseline answers, the candidate verifies behind it, and nothing it does reaches a client."""

import io
import json
import random
import sys

import pytest

from tailgate.engine.request import Request, Transcript
from tailgate.errors import IntegrityError, OutputError, UsageError
from tailgate.serve import candidate_process
from tailgate.serve import shadow as shadow_module
from tailgate.serve.candidate import find_language, guess_task, verify_lines
from tailgate.serve.candidate_process import MOST_FAILURES, Shadowed
from tailgate.serve.hosting import build_engine, check_shadow, resolve_served
from tailgate.serve.messages import Seen, jobs_line, read_jobs
from tailgate.serve.options import ShadowOptions
from tailgate.serve.shadow import Shadow
from tailgate.store.shadow import ShadowStore
from tailgate.variants.load import load
from tests.support.serving import ask, running, tiny_service, tiny_shadow, wait_for
from tests.support.tiny import Tiny, save_tiny

READY = "import sys, json, time\ndef say(**said): print(json.dumps(said), flush=True)\nsay(ready='c' * 64)\n"
AGREES = (
    READY
    + """
row = dict(divergence_token=None, candidate_finish='stop', agreement=1.0, kl_floor=0.0, language='en',
           language_from='lingua', task_from='client')
for line in sys.stdin:
    for job in json.loads(line)['jobs']:
        say(key=job['key'], row={**row, 'task': job['task'] or 'unknown'})
"""
)
HANGS = READY + "time.sleep(3600)"
NEVER_LOADS = "import time; time.sleep(3600)"
DIES = READY + "sys.stdin.readline(); sys.exit(3)"
RAISES = "raise RuntimeError('no such checkpoint')"
BABBLES = READY + "sys.stdin.readline(); print('hello', flush=True); time.sleep(3600)"
LIES = READY + "sys.stdin.readline(); say(key='another', row={}); time.sleep(3600)"


@pytest.fixture(autouse=True)
def _quickly_given_up(monkeypatch):
    monkeypatch.setattr(shadow_module, "FLUSH_S", 0.05)


def seen(key="a", prompt=(5, 6), tokens=(7, 8), **more):
    return Seen(
        request=Request(key=key, prompt_ids=prompt, max_new_tokens=8),
        baseline=Transcript(key=key, tokens=tokens, text="secret words", finish_reason="stop"),
        **{"text": "a question", "task": None, "subject": None, "created_utc": "2026-01-02T03:04:05+00:00", **more},
    )


def rows(folder):
    store = ShadowStore(folder)
    try:
        return [row for pair in store.pairs() for row in store.verified(pair)], store.tallies()
    finally:
        store.close()


def test_what_the_candidate_found_is_kept_with_its_labels_and_without_text(folder, tmp_path):
    shadow = tiny_shadow(tmp_path / "s", AGREES)
    with running(tiny_service({"base": str(folder)}, shadow)) as here:
        client = here.client()
        ask(client, [5, 6, 7], 4, user="subject-1", extra_headers={"X-Tailgate-Task": "translation"})
        chat = {"model": "base", "messages": [{"role": "user", "content": "very private"}], "max_tokens": 3}
        client.chat.completions.create(**chat, metadata={"task": "chat"}, extra_headers={"X-Tailgate-Subject": "s-2"})
        list(ask(client, [5], 3, stream=True))
        wait_for(lambda: shadow.counts().get("verified") == 3, "three verified answers")
        text = here.get("/metrics").text
    assert 'tailgate_shadow_total{what="verified"} 3.0' in text
    found, tallies = rows(tmp_path / "s")
    assert {(row.subject, row.task) for row in found} == {
        ("subject-1", "translation"), ("s-2", "chat"), (None, "unknown"),
    }  # fmt: skip
    assert tallies == {"answered": 3, "sampled": 3, "verified": 3}
    files = b"".join(path.read_bytes() for path in (tmp_path / "s").iterdir())
    assert b"very private" not in files


def test_only_the_first_variant_is_shadowed(folder, tmp_path):
    shadow = tiny_shadow(tmp_path, AGREES)
    with running(tiny_service({"base": str(folder), "other": f"{folder}@rtn"}, shadow)) as here:
        ask(here.client(), [5], 3, model="other")
        ask(here.client(), [5], 3)
    assert shadow.counts()["answered"] == 1


@pytest.mark.parametrize("script", [HANGS, NEVER_LOADS, DIES, RAISES, BABBLES, LIES])
def test_a_candidate_that_hangs_or_dies_never_delays_an_answer(folder, tmp_path, script):
    """Every answer arrives although the candidate never says anything useful: none of them waited for it."""
    shadow = tiny_shadow(tmp_path, script, queue=3, timeout_s=3600.0)
    with running(tiny_service({"base": str(folder)}, shadow)) as here:
        client = here.client()
        texts = {ask(client, [5, 6], 3).choices[0].text for _ in range(30)}
    assert len(texts) == 1
    counts = shadow.counts()
    assert counts["answered"] == counts["sampled"] == 30
    assert "verified" not in counts
    dropped = sum(n for what, n in counts.items() if what.startswith("dropped"))
    assert dropped == 30
    assert rows(tmp_path)[1] == counts


def test_a_full_queue_drops_and_says_so(tmp_path):
    shadow = tiny_shadow(tmp_path, NEVER_LOADS, queue=2)
    for _ in range(5):
        shadow.offer(seen())
    assert shadow.counts() == {"answered": 5, "sampled": 5, "dropped: queue full": 3}


def test_a_candidate_too_slow_is_ended_and_started_again(tmp_path):
    shadow = tiny_shadow(tmp_path, HANGS, timeout_s=0.2)
    shadow.start()
    for n in range(2):
        shadow.offer(seen(str(n)))
        wait_for(lambda n=n: shadow.counts().get("dropped: candidate too slow") == n + 1, "a drop")
    shadow.stop()


def test_a_candidate_that_fails_again_and_again_is_given_up(tmp_path, monkeypatch, caplog):
    async def at_once(seconds):
        return None

    monkeypatch.setattr(candidate_process.asyncio, "sleep", at_once)
    shadow = tiny_shadow(tmp_path, "import sys; sys.exit(1)")
    shadow.start()
    wait_for(lambda: "given up" in caplog.text, "the candidate to be given up")
    shadow.offer(seen())
    wait_for(lambda: shadow.counts().get("dropped: candidate given up") == 1, "the drop")
    shadow.stop()
    assert caplog.text.count("did not start") == MOST_FAILURES


def test_what_waits_at_a_shutdown_is_counted(tmp_path):
    shadow = tiny_shadow(tmp_path, NEVER_LOADS)
    shadow.start()
    shadow.offer(seen())
    shadow.stop()
    assert rows(tmp_path)[1] == {"answered": 1, "sampled": 1, "dropped: shutdown": 1}


def test_a_store_that_cannot_be_pruned_is_said_and_answers_are_verified_on(tmp_path, monkeypatch, caplog):
    def locked(store, before_utc):
        raise OutputError("cannot delete from the shadow store: database is locked")

    monkeypatch.setattr(ShadowStore, "prune", locked)
    shadow = tiny_shadow(tmp_path, AGREES)
    shadow.start()
    wait_for(lambda: "database is locked" in caplog.text, "the failure")
    shadow.offer(seen())
    wait_for(lambda: shadow.counts().get("verified") == 1, "a verified answer")
    shadow.stop()


def test_a_share_of_the_requests_is_sampled(tmp_path):
    options = ShadowOptions(candidate="c", folder=tmp_path, rate=0.25)
    shadow = Shadow(options, Shadowed(baseline="b", fingerprint="f", command=()), random.Random(1))
    assert 200 < sum(shadow.takes() for _ in range(1000)) < 300
    shadow.offer(None)
    assert shadow.counts() == {"answered": 1}


def test_a_folder_that_cannot_be_written_is_found_before_anything_is_served(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="--shadow-dir"):
        tiny_shadow(tmp_path / "file" / "s", AGREES)


@pytest.fixture
def _by_script(monkeypatch):
    """Without lingua, whose models take seconds to load."""
    monkeypatch.setitem(sys.modules, "lingua", None)


def verify(engine, *batches):
    out = io.BytesIO()
    verify_lines(engine, "f" * 64, [jobs_line(batch).decode() for batch in batches], out)
    ready, *found = map(json.loads, out.getvalue().splitlines())
    assert ready == {"ready": "f" * 64}
    return {each["key"]: each for each in found}


@pytest.mark.usefixtures("_by_script")
def test_the_baseline_agrees_with_itself_and_two_bits_do_not(folder):
    variants = resolve_served({"base": str(folder), "bad": f"{folder}@rtn:bits=2"}, "cpu")
    base, bad = (build_engine(each, load(each)) for each in variants.values())
    request = Request(key="a", prompt_ids=(5, 6, 7), max_new_tokens=20)
    ((answer,),) = base.generate([request])
    one = seen("a", (5, 6, 7), answer.tokens)
    given = Seen(request=request, baseline=answer, text="", task=None, subject=None, created_utc=one.created_utc)
    same, other = verify(base, [given])["a"]["row"], verify(bad, [given])["a"]["row"]
    assert (same["divergence_token"], same["agreement"]) == (None, 1.0)
    assert same["kl_floor"] == pytest.approx(0.0, abs=1e-6)
    assert other["divergence_token"] is not None
    assert other["kl_floor"] > 0
    assert other["agreement"] < 1


@pytest.mark.usefixtures("_by_script")
def test_an_answer_that_raises_does_not_take_the_others_along():
    class Fragile:
        def verify(self, drafts):
            if any(draft.request.key == "bad" for draft in drafts):
                raise RuntimeError("a kernel went wrong")
            from tailgate.engine.request import Verification

            yield tuple(Verification(transcript=draft.baseline, divergence_token=None) for draft in drafts)

    found = verify(Fragile(), [seen("good"), seen("bad"), seen("fine")])
    assert found["bad"]["error"] == "RuntimeError: a kernel went wrong"
    assert found["good"]["row"]["divergence_token"] is None
    assert found["fine"]["row"]["agreement"] is None


def test_what_is_sent_arrives():
    sent = seen("a", subject="who asked")
    (job,) = read_jobs(jobs_line([sent]).decode())
    assert job.draft.request == sent.request
    assert job.draft.baseline.tokens == sent.baseline.tokens
    assert b"who asked" not in jobs_line([sent])


@pytest.mark.usefixtures("_by_script")
def test_without_lingua_the_script_is_told():
    language_of = find_language()
    assert language_of("የአማርኛ ጽሑፍ") == ("script:ETHIOPIC", "script")
    assert language_of("123") == ("unknown", "script")


def test_a_task_is_guessed_from_signs_only():
    assert guess_task("```python\ndef f(): pass\n```") == "code"
    assert guess_task("How many apples are 12 and 30 apples?") == "arithmetic"
    assert guess_task("Tell me about Lisbon.") is None


def test_a_candidate_of_another_family_is_refused(folder, tmp_path):
    (base,) = resolve_served({"base": str(folder)}, "cpu").values()
    other = save_tiny(tmp_path / "other", Tiny(extra_tokens=4))
    (stranger,) = resolve_served({"other": str(other)}, "cpu").values()
    with pytest.raises(IntegrityError, match="the tokenizers of"):
        check_shadow(base, stranger)
    with pytest.raises(UsageError, match="is what is served"):
        check_shadow(base, base)


def test_a_real_candidate_verifies_in_a_process_of_its_own(folder, tmp_path):
    spec = f"{folder}@rtn:bits=2"
    command = (sys.executable, "-m", "tailgate.serve.candidate", spec, "cpu")
    options = ShadowOptions(candidate=spec, folder=tmp_path)
    shadow = Shadow(options, Shadowed(baseline=str(folder), fingerprint="b" * 64, command=command))
    with running(tiny_service({"base": str(folder)}, shadow)) as here:
        for n in range(4):
            ask(here.client(), [5, 6, 7 + n], 20)
        wait_for(lambda: shadow.counts().get("verified") == 4, "four verified answers")
    found, _ = rows(tmp_path)
    assert [row.prompt_tokens for row in found] == [3] * 4
    assert any(row.divergence_token is not None for row in found)
    assert all(0 <= row.agreement <= 1 for row in found)
    assert all(row.kl_floor > 0 for row in found)
