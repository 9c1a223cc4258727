"""A server as the engine of a side: what is known of its model, and what is not."""

from __future__ import annotations

from functools import partial
from importlib import metadata
from importlib.util import find_spec

from tailgate.engine.endpoint.client import Place, shown
from tailgate.engine.endpoint.engine import EndpointEngine, EndpointLimits, Texts
from tailgate.engine.endpoint.opening import find_dialect, open_endpoint, read_card
from tailgate.engine.finish import Ending
from tailgate.engine.protocol import Engine, ServedCheckpoint
from tailgate.errors import IntegrityError, MissingPackageError
from tailgate.pipeline.settings import EngineSettings
from tailgate.pipeline.sides import EngineChoice
from tailgate.variants.address import Address
from tailgate.variants.ends import stored_ends
from tailgate.variants.fingerprint import hash_json
from tailgate.variants.tokenizer import ModelTokenizer
from tailgate.variants.variant import Facts, Variant, resolve

OTHER_CONCURRENCY = 3  # of the same server in other batches
UNKNOWN = "unknown"


def endpoint_choice(settings: EngineSettings) -> EngineChoice:
    """Servers, asked as the variants' addresses say.

    Raises
    ------
    MissingPackageError
        The client is not installed.
    """
    if find_spec("openai") is None:
        raise MissingPackageError(
            "--engine endpoint needs openai's client, which is not installed; run: pip install 'tailgate[endpoint]'"
        )
    return EngineChoice(
        name=EndpointEngine.name,
        version=f"{EndpointEngine.version}+openai-{metadata.version('openai')}",
        open=partial(_open, in_other_batches=False),
        open_other=partial(_open, in_other_batches=True),
        other="concurrency-3-reversed",
        facts=partial(_facts, settings),
        facts_last=False,
        context=_context,
        settings=settings,
    )


def _context(variant: Variant) -> int | None:
    return read_card(_place(_address(variant))).max_model_len


def _facts(settings: EngineSettings, variant: Variant) -> Facts:
    """What the server says of the model; the fingerprint is that of the server in this run, not of weights."""
    address = _address(variant)
    place = _place(address)
    card = read_card(place)
    ends = stored_ends(variant)
    dialect = find_dialect(place, _texts(variant.tokenizer, variant.vocabulary_size), chat=address.api == "chat")
    made_from = f", made from '{shown(card.root)}'" if card.root and card.root != card.id else ""
    notes = (
        f"WEIGHTS NOT VERIFIED: {place} is a server; what it computes with is what it says: '{shown(card.id)}' of "
        f"{shown(card.owned_by or UNKNOWN)}{made_from}",
        *(f"{place}: {note}" for note in dialect.notes()),
    )
    identity = [place.url, place.model, address.api, card.identity(), dialect.name, settings.session]
    return Facts(
        fingerprint=hash_json(["endpoint", *identity, sorted(ends.eos_token_ids)]),
        storage=UNKNOWN,
        compute_dtype=UNKNOWN,
        bytes_by_dtype={},
        quantized_tensors=0,
        changed_tensors=None,
        eos_token_ids=ends.eos_token_ids,
        notes=notes,
    )


def _open(checkpoint: ServedCheckpoint, *, in_other_batches: bool) -> Engine:
    variant = resolve(checkpoint.spec, checkpoint.device)
    address = _address(variant)
    place, texts, chat = _place(address), _texts(variant.tokenizer, variant.vocabulary_size), address.api == "chat"
    concurrency = min(OTHER_CONCURRENCY, address.concurrency) if in_other_batches else address.concurrency
    return open_endpoint(
        place,
        find_dialect(place, texts, chat=chat),
        Ending(decode=checkpoint.decode, eos_token_ids=frozenset(checkpoint.eos_token_ids)),
        texts,
        EndpointLimits(concurrency=concurrency, reverse=in_other_batches),
        chat=chat,
    )


def _address(variant: Variant) -> Address:
    assert variant.address is not None, "only addresses are answered by servers"
    return variant.address


def _place(address: Address) -> Place:
    return Place(
        url=address.url,
        model=address.model,
        timeout_s=address.timeout_s,
        retries=address.retries,
        key_env=address.key_env,
    )


def _texts(tokenizer: ModelTokenizer, vocabulary: int) -> Texts:
    own = tokenizer.tokenizer

    def encode(text: str) -> tuple[int, ...]:
        return tuple(own.encode(text, add_special_tokens=False))

    def prompt(ids: tuple[int, ...]) -> str:
        text: str = own.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if encode(text) != ids:
            raise IntegrityError(
                "a prompt read back from its tokens has other tokens, and the server takes text alone; ask a server "
                "that takes token ids, or use api=chat"
            )
        return text

    return Texts(prompt=prompt, encode=encode, vocabulary=vocabulary)
