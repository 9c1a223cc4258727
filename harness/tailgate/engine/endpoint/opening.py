"""Meeting a server: what it says of the model, and in which words it is to be asked."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from tailgate.engine.dialogue import Ask
from tailgate.engine.endpoint.bodies import ModelCard
from tailgate.engine.endpoint.client import Client, Place, RefusedError
from tailgate.engine.endpoint.dialects import PLAIN, TEXT, Dialect, body_of, dialect_of
from tailgate.engine.endpoint.engine import EndpointEngine, EndpointLimits, Texts
from tailgate.engine.endpoint.loop import Loop
from tailgate.engine.finish import Ending

PROBE = "Hello"
NOT_UNDERSTOOD = (400, 422)

Done = TypeVar("Done")


def read_card(place: Place) -> ModelCard:
    """What the server says of a model.

    Raises
    ------
    SetupError
        It is not reached or refuses.
    IntegrityError
        It does not list the model.
    """

    async def ask() -> ModelCard:
        client = Client(place)
        try:
            return await client.card()
        finally:
            await client.close()

    return _at_once(ask())


def find_dialect(place: Place, texts: Texts, *, chat: bool) -> Dialect:
    """In which words a server is to be asked; one that is not known is asked once whether it takes token ids.

    Raises
    ------
    SetupError, IntegrityError
        See `read_card`.
    """
    dialect = dialect_of(read_card(place))
    if dialect is not PLAIN or chat:
        return dialect
    ask = Ask(prompt_ids=texts.encode(PROBE), max_new_tokens=1)

    async def takes_ids() -> bool:
        client = Client(place)
        try:
            await client.complete(body_of(ask, PLAIN, (), texts.prompt))
        except RefusedError as error:
            if error.status in NOT_UNDERSTOOD:
                return False
            raise
        else:
            return True
        finally:
            await client.close()

    return PLAIN if _at_once(takes_ids()) else TEXT


def open_endpoint(
    place: Place, dialect: Dialect, ending: Ending, texts: Texts, limits: EndpointLimits, *, chat: bool
) -> EndpointEngine:
    """The engine over a server that was met before."""
    return EndpointEngine(Client(place), dialect, ending, texts, limits, chat=chat)


def _at_once(work: Coroutine[Any, Any, Done]) -> Done:
    loop = Loop()
    try:
        return loop.submit(work).result()
    finally:
        loop.close()
