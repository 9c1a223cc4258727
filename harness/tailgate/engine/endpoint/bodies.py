"""What servers answer, read strictly: an answer that lacks something, or means something else, is no answer."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tailgate.errors import IntegrityError

BY_ID = "token_id:"  # how vLLM writes tokens when it is asked for their ids


class Said(BaseModel):
    """Fields that we know; a server may say more."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Usage(Said):
    """Tokens as the server counted them."""

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class LogProbs(Said):
    """Log-probabilities of the generated tokens, as the completions interface writes them."""

    tokens: list[str] = []
    token_logprobs: list[float | None] = []
    top_logprobs: list[dict[str, float] | None] | None = None


class LogProb(Said):
    """One log-probability of vLLM's `prompt_logprobs`."""

    logprob: float


class Choice(Said):
    """An answer of the completions interface. `token_ids` and `prompt_logprobs` are vLLM's."""

    text: str
    finish_reason: str | None
    token_ids: list[int] | None = None
    logprobs: LogProbs | None = None
    prompt_logprobs: list[dict[int, LogProb] | None] | None = None


class Completion(Said):
    """A response of the completions interface."""

    model: str
    choices: list[Choice]
    usage: Usage


class Message(Said):
    """The text of a chat answer."""

    content: str | None = None
    refusal: str | None = None


class ChatChoice(Said):
    """An answer of the chat interface."""

    message: Message
    finish_reason: str | None


class ChatCompletion(Said):
    """A response of the chat interface."""

    model: str
    choices: list[ChatChoice]
    usage: Usage


class ModelCard(Said):
    """What a server says of a model: its name, who serves it, what it was made from, its context."""

    id: str
    owned_by: str | None = None
    root: str | None = None
    parent: str | None = None
    max_model_len: int | None = Field(default=None, ge=1)
    fingerprint: str | None = None

    def identity(self) -> dict[str, Any]:
        """The fields that stay the same while the server serves the same."""
        return self.model_dump()


class ModelList(Said):
    """A response of the list of models."""

    data: list[ModelCard]


Body = TypeVar("Body", bound=Said)


def read_body(kind: type[Body], data: bytes, where: str) -> Body:
    """Read a response.

    Raises
    ------
    IntegrityError
        It is no JSON, or not what the interface promises.
    """
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        at = ".".join(map(str, first["loc"])) or "the body"
        seen = repr(data[:60].decode(errors="replace"))
        raise IntegrityError(
            f"{where} does not answer as OpenAI's interface does: {at}: {first['msg'].lower()[:120]} (it says {seen}); "
            "check that the address ends in the server's API root, e.g. /v1"
        ) from error
