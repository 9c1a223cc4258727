"""From a body to what is asked of the engine, and how its answer is written: in what completions and chats differ."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tailgate.serve.answers import (
    Head,
    Look,
    chat_logprobs,
    completion_logprobs,
    completion_piece,
    looks,
)
from tailgate.serve.bodies import Asked, ChatBody, CompletionBody
from tailgate.serve.errors import refused
from tailgate.serve.generation import Answer, Prompt
from tailgate.serve.hosting import Hosted
from tailgate.serve.service import Service

SHORT_ANSWER = 16  # tokens of a completion that names no budget, as in OpenAI's interface
TEXT_LENGTH = 4000  # characters of a question from which language and task are told


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be answered, and how the answer is written."""

    head: Head
    body: Asked
    prompts: tuple[Prompt, ...]
    texts: tuple[str, ...]  # the questions, as far as shadow mode reads them
    keep_tops: bool
    whole: Callable[[Answer, int], dict[str, Any]]  # a choice
    piece: Callable[[Delta], dict[str, Any]]  # a choice in a stream
    opening: Callable[[int, Answer], dict[str, Any] | None]  # the first choice of a stream, where there is one
    kinds: tuple[str, str]  # of a body and of a piece

    @property
    def hosted(self) -> Hosted:
        """The variant that answers."""
        return self.head.hosted


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of an answer: text that is sure, tokens, and the reason if it is the last piece."""

    index: int
    text: str
    tokens: tuple[int, ...]
    found: tuple[Look, ...]
    offset: int  # characters of the answer before it
    finish_reason: str | None


async def completion_job(service: Service, body: CompletionBody) -> Job:
    """Read a completion's prompts.

    Raises
    ------
    ApiError
        They are of no kind that is served, or too long.
    """
    hosted = service.find(body.model)
    prompts = await service.in_text_thread(_read_prompts, hosted, body.prompt, service.limits.prompts)
    asked, most = [], service.limits.new_tokens or SHORT_ANSWER
    wanted = min(SHORT_ANSWER, most) if body.max_tokens is None else body.max_tokens
    for tokens in prompts:
        budget = service.budget(hosted, tokens, wanted)
        look = body.echo and body.logprobs is not None
        asked.append(Prompt(tokens=tokens, budget=budget, stop=body.stops, look=look))
    if body.stream and body.echo and body.logprobs is not None:
        raise refused("echo with logprobs is not streamed; ask without stream", "stream")
    writer = _CompletionWriter(hosted, body)
    texts = [_question(hosted, each) for each in _as_list(body.prompt)] if service.is_shadowed(hosted) else []
    return Job(
        head=Head(id=f"cmpl-{uuid.uuid4().hex}", created=int(time.time()), hosted=hosted),
        body=body,
        prompts=tuple(asked),
        texts=tuple(texts),
        keep_tops=body.logprobs is not None,
        whole=writer.whole,
        piece=writer.piece,
        opening=writer.opening,
        kinds=("text_completion", "text_completion"),
    )


async def chat_job(service: Service, body: ChatBody) -> Job:
    """Read a conversation.

    Raises
    ------
    ApiError
        It is too long, or the model has no template for it.
    """
    hosted = service.find(body.model)
    if body.top_logprobs and not body.logprobs:
        raise refused("top_logprobs is given without logprobs; set logprobs to true", "top_logprobs")
    messages = [{"role": message.role, "content": message.text} for message in body.messages]
    tokens = await service.in_text_thread(hosted.encode_chat, messages)
    budget = service.budget(hosted, tokens, body.budget)
    writer = _ChatWriter(hosted, body)
    asked = [each["content"] for each in messages if each["role"] == "user"]
    return Job(
        head=Head(id=f"chatcmpl-{uuid.uuid4().hex}", created=int(time.time()), hosted=hosted),
        body=body,
        prompts=(Prompt(tokens=tokens, budget=budget, stop=body.stops),),
        texts=(asked[-1][:TEXT_LENGTH] if asked else "",),
        keep_tops=body.logprobs,
        whole=writer.whole,
        piece=writer.piece,
        opening=writer.opening,
        kinds=("chat.completion", "chat.completion.chunk"),
    )


def _as_list(prompt: Any) -> list[Any]:
    """Prompts, each a text or a list of tokens."""
    alone = isinstance(prompt, str) or (isinstance(prompt, list) and bool(prompt) and isinstance(prompt[0], int))
    return [prompt] if alone else prompt


def _read_prompts(hosted: Hosted, prompt: Any, most: int) -> list[tuple[int, ...]]:
    if not isinstance(prompt, (str, list)) or not prompt:
        raise refused("prompt must be a text, a list of token ids, or a list of either; it must not be empty", "prompt")
    prompts = _as_list(prompt)
    if len(prompts) > most:
        raise refused(f"{len(prompts)} prompts in one request; at most {most} are served", "prompt")
    return [_read_prompt(hosted, each) for each in prompts]


def _read_prompt(hosted: Hosted, prompt: Any) -> tuple[int, ...]:
    if isinstance(prompt, str):
        return hosted.encode(prompt)
    if not isinstance(prompt, list) or not all(type(token) is int for token in prompt):
        raise refused("a prompt is neither a text nor a list of token ids", "prompt")
    size = hosted.variant.vocabulary_size
    unknown = next((token for token in prompt if not 0 <= token < size), None)
    if unknown is not None:
        raise refused(f"the prompt holds token {unknown}, the model's vocabulary has {size}", "prompt")
    return tuple(prompt)


def _question(hosted: Hosted, prompt: Any) -> str:
    text = prompt if isinstance(prompt, str) else hosted.decode(tuple(prompt[-TEXT_LENGTH:]))
    return text[-TEXT_LENGTH:]


class _CompletionWriter:
    def __init__(self, hosted: Hosted, body: CompletionBody) -> None:
        self._hosted, self._body = hosted, body

    def whole(self, answer: Answer, index: int) -> dict[str, Any]:
        assert answer.transcript is not None
        body, transcript = self._body, answer.transcript
        logprobs = None
        if body.logprobs is not None:
            logprobs = completion_logprobs(self._hosted, answer, body.logprobs, echo=body.echo)
        found = {
            "index": index,
            "text": self._echo(answer) + transcript.text,
            "finish_reason": transcript.finish_reason,
            "logprobs": logprobs,
        }
        if body.return_token_ids:
            found |= {"token_ids": list(transcript.tokens), "prompt_token_ids": list(answer.prompt.tokens)}
        return found

    def _echo(self, answer: Answer) -> str:
        return self._hosted.decode(answer.prompt.tokens) if self._body.echo else ""

    def opening(self, index: int, answer: Answer) -> dict[str, Any] | None:
        if not self._body.echo and not self._body.return_token_ids:
            return None
        found = {"index": index, "text": self._echo(answer), "finish_reason": None, "logprobs": None}
        if self._body.return_token_ids:
            found["prompt_token_ids"] = list(answer.prompt.tokens)
        return found

    def piece(self, delta: Delta) -> dict[str, Any]:
        found = {
            "index": delta.index,
            "text": delta.text,
            "finish_reason": delta.finish_reason,
            "logprobs": None,
        }
        if self._body.logprobs is not None:
            found["logprobs"] = completion_piece(self._hosted, delta.found, self._body.logprobs, delta.offset)
        if self._body.return_token_ids:
            found["token_ids"] = list(delta.tokens)
        return found


class _ChatWriter:
    def __init__(self, hosted: Hosted, body: ChatBody) -> None:
        self._hosted, self._body = hosted, body

    def whole(self, answer: Answer, index: int) -> dict[str, Any]:
        assert answer.transcript is not None
        transcript = answer.transcript
        found = {
            "index": index,
            "message": {"role": "assistant", "content": transcript.text, "refusal": None},
            "finish_reason": transcript.finish_reason,
            "logprobs": self._logprobs(looks(transcript.tokens, answer.tops)),
        }
        if self._body.return_token_ids:
            found |= {"token_ids": list(transcript.tokens), "prompt_token_ids": list(answer.prompt.tokens)}
        return found

    def _logprobs(self, found: Sequence[Look]) -> dict[str, Any] | None:
        return chat_logprobs(self._hosted, found, self._body.top_logprobs or 0) if self._body.logprobs else None

    def opening(self, index: int, answer: Answer) -> dict[str, Any] | None:
        delta = {"role": "assistant", "content": ""}
        found = {"index": index, "delta": delta, "finish_reason": None, "logprobs": None}
        if self._body.return_token_ids:
            found["prompt_token_ids"] = list(answer.prompt.tokens)
        return found

    def piece(self, delta: Delta) -> dict[str, Any]:
        found = {
            "index": delta.index,
            "delta": {"content": delta.text} if delta.text or delta.finish_reason is None else {},
            "finish_reason": delta.finish_reason,
            "logprobs": self._logprobs(delta.found),
        }
        if self._body.return_token_ids:
            found["token_ids"] = list(delta.tokens)
        return found
