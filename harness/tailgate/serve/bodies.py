"""Request bodies: what clients may ask, strictly; a field that would change the answer is refused, never ignored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tailgate.serve.errors import ApiError, refused

MOST_STOPS = 16
TOP_COMPLETION, TOP_CHAT = 5, 20  # alternatives a token, as in OpenAI's interface
# Fields that are not served, and the values under which greedy decoding of one answer is what they ask for.
NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "temperature": (0,),
    "top_p": (1,),
    "n": (1,),
    "best_of": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "suffix": ("",),
    "tools": ([],),
    "tool_choice": ("none",),
    "functions": ([],),
    "function_call": ("none",),
    "parallel_tool_calls": (True, False),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "audio": (),
    "store": (False,),
    "service_tier": ("auto", "default"),
    "web_search_options": (),
    "reasoning_effort": (),
    "prediction": (),
}
# Fields that change no greedy answer.
HARMLESS = ("seed", "prompt_cache_key", "safety_identifier")
SAMPLING = ("temperature", "top_p")

Body = TypeVar("Body", bound="Asked")


class StreamOptions(BaseModel):
    """How a stream ends."""

    model_config = ConfigDict(strict=True, extra="forbid")

    include_usage: bool = False


class Asked(BaseModel):
    """What both kinds of completion share."""

    model_config = ConfigDict(strict=True, extra="forbid")

    model: str
    stop: str | list[str] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    return_token_ids: bool = False

    @model_validator(mode="before")
    @classmethod
    def _take_neutral(cls, given: Any) -> Any:
        """Drop what asks for nothing but greedy decoding; refuse what asks for something else."""
        if not isinstance(given, dict):
            return given
        kept = {key: value for key, value in given.items() if value is not None and key not in HARMLESS}
        if given.get("user") is None and isinstance(given.get("safety_identifier"), str):
            kept["user"] = given["safety_identifier"]
        for name, values in NEUTRAL.items():
            if name in kept and name not in cls.model_fields and kept.pop(name) not in values:
                raise _not_served(name, values)
        return kept

    @property
    def stops(self) -> tuple[str, ...]:
        """Stop strings.

        Raises
        ------
        ApiError
            There are too many, or one is empty.
        """
        found = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        if len(found) > MOST_STOPS:
            raise refused(f"{len(found)} stop strings; at most {MOST_STOPS} are served", "stop")
        if not all(found):
            raise refused("a stop string is empty; leave it out", "stop")
        return found

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with its counts."""
        return self.stream_options is not None and self.stream_options.include_usage


class CompletionBody(Asked):
    """POST /v1/completions. `prompt`: text, token ids, or a list of either."""

    prompt: Any
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    logprobs: Annotated[int, Field(ge=0, le=TOP_COMPLETION)] | None = None
    echo: bool = False


class TextPart(BaseModel):
    """A piece of a message."""

    model_config = ConfigDict(strict=True, extra="forbid")

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """A turn of a conversation."""

    model_config = ConfigDict(strict=True, extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str | list[TextPart]

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        """Answers come back with fields that hold nothing."""
        return {k: v for k, v in given.items() if v not in (None, [])} if isinstance(given, dict) else given

    @property
    def text(self) -> str:
        """The whole content."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class ChatBody(Asked):
    """POST /v1/chat/completions."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=TOP_CHAT)] | None = None

    @property
    def budget(self) -> int | None:
        """Longest answer in tokens; None: as long as the context lasts.

        Raises
        ------
        ApiError
            Two budgets that differ.
        """
        both = {self.max_tokens, self.max_completion_tokens} - {None}
        if len(both) > 1:
            raise refused("max_tokens and max_completion_tokens differ; give one", "max_tokens")
        return both.pop() if both else None


def parse_body(kind: type[Body], data: bytes) -> Body:
    """Read a request body.

    Raises
    ------
    ApiError
        It is no JSON object, lacks something, or asks for something that is not served.
    """
    try:
        given = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise refused(f"the body is no JSON: {str(error)[:200] or type(error).__name__}; send one object") from error
    if not isinstance(given, dict):
        raise refused(f"the body is a JSON {type(given).__name__}; send an object")
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise _first(error) from error


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _first(error: ValidationError) -> ApiError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "body"
    if first["type"] == "extra_forbidden":
        return refused(f"'{where[:80]}' is not served; leave it out", where[:80], "unsupported_parameter")
    return refused(f"{where[:80]}: {first['msg']}", where[:80])


def _not_served(name: str, values: Sequence[Any]) -> ApiError:
    if name in SAMPLING:
        message = f"sampling is not served: every answer is greedy; set {name} to {values[0]}, or leave it out"
    elif values and not isinstance(values[0], (list, dict, bool)):
        message = f"'{name}' is served as {' or '.join(map(repr, values))} only; set it so, or leave it out"
    else:
        message = f"'{name}' is not served; leave it out"
    return refused(message, name, "unsupported_parameter")
