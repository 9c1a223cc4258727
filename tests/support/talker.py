"""A model by rule, and servers of it: a stand-in for `vllm.LLM`, and an HTTP server that speaks OpenAI's interface."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

from tailgate.engine.finish import Ending
from tailgate.engine.request import Request, Transcript

END = 1
SPEAKS = 3  # the last token of every prompt: what follows is the answer
FIRST_LETTER = 4
VOCABULARY = 64


def decode(tokens: tuple[int, ...]) -> str:
    """One letter a token; the special ones have none."""
    return "".join(chr(ord("A") + token - FIRST_LETTER) for token in tokens if token >= FIRST_LETTER)


def encode(text: str) -> tuple[int, ...]:
    """The inverse of `decode`."""
    return tuple(ord(letter) - ord("A") + FIRST_LETTER for letter in text)


def request(key: str, said: str, budget: int = 12, stop: tuple[str, ...] = ()) -> Request:
    """A prompt whose letters are to be answered."""
    return Request(
        key=key, prompt_ids=(*encode(said), SPEAKS), max_new_tokens=budget, stop=stop, messages=(("user", said),)
    )


@dataclass(frozen=True)
class Talker:
    """Answers every letter by the one `shift` further, then ends; from letter `late` on by two further.

    The next token depends on the prompt and on how much was said, not on what was said.
    """

    shift: int = 1
    late: int = 1_000
    nonfinite_at: int | None = None

    def next_token(self, ids: tuple[int, ...]) -> int:
        """The likeliest token."""
        heard, said = self._split(ids)
        if len(said) >= len(heard):
            return END
        step = self.shift + (len(said) >= self.late)
        return FIRST_LETTER + (heard[len(said)] - FIRST_LETTER + step) % (VOCABULARY - FIRST_LETTER)

    def log_prob(self, ids: tuple[int, ...], token: int) -> float:
        """Of a token behind others: a quarter nat less for each place behind the likeliest."""
        if self.nonfinite_at is not None and len(self._split(ids)[1]) == self.nonfinite_at:
            return float("nan")
        return -0.25 * ((token - self.next_token(ids)) % VOCABULARY)

    def answer(self, request: Request) -> Transcript:
        """The whole greedy answer, a token at a time: the truth that engines are held against."""
        ending = Ending(decode=decode, eos_token_ids=frozenset({END}))
        over, tokens = ending.watch(request), list[int]()
        while not over(tokens, max(0, len(tokens) - 1)):
            tokens.append(self.next_token((*request.prompt_ids, *tokens)))
        return ending.cut(request, tokens)

    @staticmethod
    def _split(ids: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        speaks = ids.index(SPEAKS) if SPEAKS in ids else len(ids)
        return ids[:speaks], ids[speaks + 1 :]


class FakeLLM:
    """What of `vllm.LLM` the engine touches: requests one after the other, a memory of whole blocks of tokens.

    Rows of a prompt that were remembered hold rubbish, as in vLLM's own memory.
    """

    def __init__(self, talker: Talker, block: int = 4, fails_at: int | None = None) -> None:
        self.talker, self.block, self.fails_at = talker, block, fails_at
        self.asked: list[Any] = []
        self.prompts: list[tuple[int, ...]] = []
        self.aborted: list[str] = []
        self.closed = False
        self._remembered: set[tuple[int, ...]] = set()
        self._waiting: list[tuple[str, tuple[int, ...], Any]] = []
        self.llm_engine = SimpleNamespace(
            add_request=self._add, step=self._step, abort_request=self._abort,
            engine_core=SimpleNamespace(shutdown=self._close),
            vllm_config=SimpleNamespace(cache_config=SimpleNamespace(num_gpu_blocks=64, block_size=block)),
        )  # fmt: skip

    def _add(self, name: str, prompt: dict[str, list[int]], params: Any) -> None:
        self.asked.append(params)
        self.prompts.append(tuple(prompt["prompt_token_ids"]))
        self._waiting.append((name, self.prompts[-1], params))

    def _abort(self, names: list[str]) -> None:
        self.aborted += names

    def _close(self) -> None:
        self.closed = True

    def _step(self) -> list[Any]:
        if self.fails_at is not None and len(self.asked) >= self.fails_at:
            raise RuntimeError("the core is gone")
        return [self._answer(*self._waiting.pop(0))]

    def _answer(self, name: str, prompt: tuple[int, ...], params: Any) -> Any:
        skips = getattr(params, "skip_reading_prefix_cache", False)
        cached = 0 if skips else self._known(prompt)
        self._remembered.update(prompt[:end] for end in range(self.block, len(prompt) + 1, self.block))
        tokens, rows = list[int](), []
        while len(tokens) < params.max_tokens:
            ids = (*prompt, *tokens)
            tokens.append(self.talker.next_token(ids))
            rows.append(self._row(ids, tokens[-1]))
            if tokens[-1] in params.stop_token_ids or self._stopped(tokens, params):
                break
        looked = None
        if getattr(params, "prompt_logprobs", None):
            rubbish = {7: SimpleNamespace(logprob=0.0), 9: SimpleNamespace(logprob=-1.0)}
            looked = [None if i == 0 else rubbish if i <= cached else self._row(prompt[:i], prompt[i])
                      for i in range(len(prompt))]  # fmt: skip
        finish = "length" if len(tokens) == params.max_tokens and tokens[-1] != END else "stop"
        return SimpleNamespace(
            request_id=name, finished=True, num_cached_tokens=cached, prompt_logprobs=looked,
            outputs=[SimpleNamespace(token_ids=tokens, logprobs=rows, finish_reason=finish)],
        )  # fmt: skip

    def _known(self, prompt: tuple[int, ...]) -> int:
        lengths = [n for n in range(self.block, len(prompt), self.block) if prompt[:n] in self._remembered]
        return max(lengths, default=0)

    def _row(self, ids: tuple[int, ...], token: int) -> dict[int, Any]:
        best = self.talker.next_token(ids)
        return {each: SimpleNamespace(logprob=self.talker.log_prob(ids, each)) for each in (token, best, best + 1)}

    @staticmethod
    def _stopped(tokens: list[int], params: Any) -> bool:
        return any(word in decode(tuple(tokens)) for word in params.stop or ())


@dataclass
class Manners:
    """How the HTTP server behaves. `misbehave` changes the body of a response, or says what to do instead of one."""

    talker: Talker = Talker()
    model: str = "talker"
    owned_by: str = "someone"
    context: int | None = None
    ids_refused: bool = False
    key: str | None = None
    misbehave: Callable[[dict[str, Any], int], dict[str, Any] | bytes | tuple[int, dict[str, str]] | str] | None = None
    responds: Callable[[dict[str, Any]], dict[str, Any]] | None = None  # another rule than the talker's
    rests_s: float = 0.0
    asked: list[dict[str, Any]] = field(default_factory=list)
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that turn away are part of the tests; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving(manners: Manners) -> Iterator[str]:
    """An HTTP server on loopback; its API root."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            card = {"id": manners.model, "owned_by": manners.owned_by, "created": time.time_ns()}
            if manners.context:
                card["max_model_len"] = manners.context
            self._send(200, json.dumps({"object": "list", "data": [card]}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with manners.lock:
                number = len(manners.asked)
                manners.asked.append({"path": self.path, "key": self.headers.get("Authorization"), **body})
                manners.at_once += 1
                manners.most_at_once = max(manners.most_at_once, manners.at_once)
            time.sleep(manners.rests_s)
            try:
                self._respond(body, number)
            finally:
                with manners.lock:
                    manners.at_once -= 1

        def _respond(self, body: dict[str, Any], number: int) -> None:
            if manners.key is not None and self.headers.get("Authorization") != f"Bearer {manners.key}":
                return self._send(401, b'{"error": {"message": "wrong key"}}')
            if manners.ids_refused and isinstance(body.get("prompt"), list):
                return self._send(400, b'{"error": {"message": "prompt must be text"}}')
            answer: Any = manners.responds(body) if manners.responds else _respond(manners, self.path, body)
            if manners.misbehave is not None:
                answer = manners.misbehave(answer, number)
            if isinstance(answer, tuple):
                return self._send(answer[0], b'{"error": {"message": "not now"}}', answer[1])
            if answer == "close":
                return self._cut_short()
            if answer == "forever":
                return self._never_end()
            return self._send(200, answer if isinstance(answer, bytes) else json.dumps(answer).encode())

        def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _cut_short(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b'{"model": ')
            self.close_connection = True

        def _never_end(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"1\r\n \r\n")
                    self.wfile.flush()
                    time.sleep(0.02)
            except OSError:
                self.close_connection = True

    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _respond(manners: Manners, path: str, body: dict[str, Any]) -> dict[str, Any]:
    chat = path.endswith("/chat/completions")
    given = body["messages"][0]["content"] if chat else body["prompt"]
    prompt = (*encode(given.rstrip("|")), SPEAKS) if isinstance(given, str) else tuple(given)
    stop = tuple(body.get("stop") or ())
    tokens: list[int] = []
    while len(tokens) < body["max_tokens"]:
        tokens.append(manners.talker.next_token((*prompt, *tokens)))
        if tokens[-1] == END or any(word in decode(tuple(tokens)) for word in stop):
            break
    ended = tokens[-1] == END or any(word in decode(tuple(tokens)) for word in stop)
    text = decode(tuple(tokens))
    text = text[: min([text.find(word) for word in stop if word in text], default=len(text))]
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop" if ended else "length"}
    choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    if body.get("return_token_ids"):
        choice["token_ids"] = tokens
    if body.get("prompt_logprobs"):
        choice["prompt_logprobs"] = [
            None,
            *(_told(manners.talker, prompt[:i], prompt[i]) for i in range(1, len(prompt))),
        ]
    usage = {"prompt_tokens": len(prompt), "completion_tokens": len(tokens)}
    return {"model": body["model"], "choices": [choice], "usage": usage}


def _told(talker: Talker, ids: tuple[int, ...], token: int) -> dict[str, Any]:
    best = talker.next_token(ids)
    return {str(each): {"logprob": talker.log_prob(ids, each)} for each in (token, best, best + 1)}
