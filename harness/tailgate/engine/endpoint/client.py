"""HTTP with one server, through OpenAI's client, which retries and waits as servers ask; errors in one line."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, TypeVar

from tailgate.engine.endpoint.bodies import ChatCompletion, Completion, ModelCard, ModelList, Said, read_body
from tailgate.errors import IntegrityError, MissingPackageError, SetupError, TailgateError, UsageError

CONNECT_S = 10.0
NO_KEY = "none"  # the client wants one; a server that asks for none ignores it
Body = TypeVar("Body", bound=Said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A model at a server. `timeout_s`: for one answer, all its tries together."""

    url: str
    model: str
    timeout_s: float = 600.0
    retries: int = 5
    key_env: str | None = None

    def __str__(self) -> str:
        return f"{self.model} at {self.url}"

    def key(self) -> str:
        """The API key.

        Raises
        ------
        UsageError
            The environment variable that should hold it is not set.
        """
        if self.key_env is None:
            return NO_KEY
        found = os.environ.get(self.key_env)
        if not found:
            raise UsageError(f"key_env={self.key_env}: no such environment variable is set; export the API key in it")
        return found


class RefusedError(SetupError):
    """A server that answered with a status of refusal."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Questions to one model of one server."""

    def __init__(self, place: Place) -> None:
        _check_package()
        import openai

        from tailgate.engine.endpoint.transport import BoundedTransport

        # It logs every request at INFO, with its address.
        logging.getLogger("openai").setLevel(logging.WARNING)
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        self.place = place
        self._client = openai.AsyncOpenAI(
            base_url=place.url,
            api_key=place.key(),
            max_retries=place.retries,
            timeout=openai.Timeout(place.timeout_s, connect=CONNECT_S),
            default_headers={"Accept-Encoding": "identity"},  # what is sent is what is held: no small bombs
            http_client=openai.DefaultAsyncHttpxClient(transport=BoundedTransport()),
        )

    async def complete(self, body: Mapping[str, Any]) -> Completion:
        """Ask the completions interface.

        Raises
        ------
        SetupError
            The server is not reached, refuses, or does not end.
        IntegrityError
            It answers something else.
        """
        return await self._post("/completions", body, Completion)

    async def chat(self, body: Mapping[str, Any]) -> ChatCompletion:
        """Ask the chat interface; raises like `complete`."""
        return await self._post("/chat/completions", body, ChatCompletion)

    async def card(self) -> ModelCard:
        """What the server says of the model.

        Raises
        ------
        IntegrityError
            It does not list the model.
        """
        listed = await self._guarded(self._client.get("/models", cast_to=_raw()), ModelList)
        for card in listed.data:
            if card.id == self.place.model:
                return card
        known = ", ".join(card.id for card in listed.data[:8]) or "none"
        raise IntegrityError(f"{self.place.url} serves no model '{self.place.model}'; it lists: {shown(known, 300)}")

    async def _post(self, path: str, body: Mapping[str, Any], kind: type[Body]) -> Body:
        asked = self._client.post(path, body={"model": self.place.model, **body}, cast_to=_raw())
        return await self._guarded(asked, kind)

    async def _guarded(self, asked: Any, kind: type[Body]) -> Body:
        """Wait for a response until the deadline, and read it."""
        try:
            async with asyncio.timeout(self.place.timeout_s):
                response = await asked
        except TailgateError:
            raise
        except Exception as error:  # the client's exceptions, and those of the transport below
            raise _explained(error, self.place) from error
        return read_body(kind, response.content, self.place.url)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _raw() -> Any:
    """The response as it came: the client's own models take what is not there for None."""
    import httpx2

    return httpx2.Response


def _check_package() -> None:
    if find_spec("openai") is None:
        raise MissingPackageError(
            "asking a server needs openai's client, which is not installed; run: pip install 'tailgate[endpoint]'"
        )


def _explained(error: Exception, place: Place) -> TailgateError:
    """An exception of the client, as one of ours."""
    import openai

    kept = "finished answers are kept, go on with --resume"
    if isinstance(error, openai.APIStatusError):
        return _refused(error, place, kept)
    if isinstance(error, TimeoutError | openai.APITimeoutError):
        return SetupError(f"{place} gave no whole answer within {place.timeout_s:g} s; {kept}, or raise timeout=")
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__ or error
        return SetupError(f"{place} is not reached or closed early ({type(cause).__name__}: {_line(cause)}); {kept}")
    return IntegrityError(f"{place} answered what cannot be read ({type(error).__name__}: {_line(error)}); {kept}")


def _refused(error: Any, place: Place, kept: str) -> TailgateError:
    status, said = error.status_code, _line(error)
    if status in (401, 403):
        return RefusedError(f"{place} refuses the key: {said}; name the variable that holds it with key_env=", status)
    if status == 404:
        return RefusedError(f"{place} is not there: {said}; check the address and the model's name", status)
    return RefusedError(f"{place} refuses: {said}; {kept}", status)


def _line(error: BaseException) -> str:
    return shown(str(error), 300) or type(error).__name__


def shown(text: str, most: int = 80) -> str:
    """What a server says, fit for a terminal: one line, nothing that steers it, no more than so many letters."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))[:most]
