"""A vLLM engine that takes token ids and says token ids: our questions as its requests, its outputs as our replies."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tailgate.engine.dialogue import Ask, Prediction, Reply
from tailgate.engine.vllm.log import ProcessLog
from tailgate.errors import SetupError

ALTERNATIVES = 2  # log-probabilities asked for at each token: the likeliest two tell the margin


class Serving:
    """Questions to one `vllm.LLM`, answered in the order in which it finishes them.

    Parameters
    ----------
    llm : a `vllm.LLM`.
    params : `vllm.SamplingParams`, or what stands in for it.
    eos_token_ids : tokens at which an answer ends; the checkpoint's own notion of it is not asked.
    log : what vLLM's processes write, to explain why they are gone; removed with them.
    """

    def __init__(
        self,
        llm: Any,
        params: Callable[..., Any],
        eos_token_ids: Sequence[int],
        log: ProcessLog,
    ) -> None:
        self._llm, self._params, self._log = llm, params, log
        self._ends = list(eos_token_ids)
        self._asked: dict[str, Ask] = {}

    @property
    def room(self) -> int:
        """Tokens whose keys and values fit into memory."""
        cache = self._llm.llm_engine.vllm_config.cache_config
        return int(cache.num_gpu_blocks or 0) * int(cache.block_size)

    @property
    def block(self) -> int:
        """Tokens that are remembered together."""
        return int(self._llm.llm_engine.vllm_config.cache_config.block_size)

    def submit(self, name: str, ask: Ask) -> None:
        """Ask under a name that no unanswered question has.

        Raises
        ------
        SetupError
            The engine's processes are gone.
        """
        self._asked[name] = ask
        self._guarded(
            lambda: self._engine.add_request(name, {"prompt_token_ids": list(ask.prompt_ids)}, self._how(ask))
        )

    def step(self) -> list[tuple[str, Reply]]:
        """Let the engine compute; the questions that it finished.

        Raises
        ------
        SetupError
            The engine's processes are gone.
        """
        outputs = self._guarded(self._engine.step)
        done = [output for output in outputs if output.finished]
        return [(output.request_id, _reply(self._asked.pop(output.request_id), output)) for output in done]

    def drop(self) -> None:
        """Forget every question that is not answered yet."""
        if self._asked:
            self._engine.abort_request(list(self._asked))
            self._asked.clear()

    def close(self) -> None:
        """End the engine's processes and free their memory."""
        if self._llm is not None:
            self._engine.engine_core.shutdown()
            self._llm = None
            self._log.remove()

    @property
    def _engine(self) -> Any:
        return self._llm.llm_engine

    def _how(self, ask: Ask) -> Any:
        """Greedy, with our end-of-text ids and stop strings alone."""
        given: dict[str, Any] = {
            "temperature": 0.0,
            "max_tokens": ask.max_new_tokens,
            "ignore_eos": True,
            "stop_token_ids": self._ends,
            "logprobs": ALTERNATIVES,
            # Text is needed to see stop strings only; the answer's text is decoded by our own tokenizer.
            "detokenize": bool(ask.stop),
            "stop": list(ask.stop) or None,
        }
        if ask.look_from is not None:
            given |= {"prompt_logprobs": ALTERNATIVES, "skip_reading_prefix_cache": ask.fresh}
        return self._params(**given)

    def _guarded(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Exception as error:  # an engine that died raises what it likes
            raise SetupError(
                f"vLLM failed: {self._log.reason(error)}; finished answers are kept, go on with --resume"
            ) from error


def _reply(ask: Ask, output: Any) -> Reply:
    answer = output.outputs[0]
    tokens = tuple(int(token) for token in answer.token_ids)
    reused = int(output.num_cached_tokens or 0)
    return Reply(
        tokens=tokens,
        predictions=tuple(_prediction(seen, token) for seen, token in zip(answer.logprobs or (), tokens, strict=False)),
        looked=() if ask.look_from is None else _looked(ask.prompt_ids, ask.look_from, output.prompt_logprobs, reused),
        ended=answer.finish_reason == "stop",
        reused_tokens=reused,
    )


def _looked(
    prompt: tuple[int, ...], start: int, seen: Sequence[Mapping[int, Any] | None] | None, reused: int
) -> tuple[Prediction | None, ...]:
    """Predictions of the prompt's tokens from `start` on.

    Where vLLM remembered the beginning of a prompt it computed no logits there: it leaves those rows out, or fills them
    with what lay in memory. Rows are therefore counted from the end, and those it did not compute are not looked at.
    """
    rows = seen or ()
    first = max(reused + 1, len(prompt) - len(rows), 1)
    return tuple(
        _prediction(rows[index - len(prompt)] or {}, prompt[index]) if index >= first else None
        for index in range(start, len(prompt))
    )


def _prediction(seen: Mapping[int, Any], token: int) -> Prediction:
    """One token's prediction from the log-probabilities of it and of the likeliest two."""
    log_probs = {int(each): float(found.logprob) for each, found in seen.items()}
    own = log_probs.get(token, math.nan)
    ranked = sorted(log_probs.items(), key=lambda row: (-row[1], row[0]))
    if len(ranked) < ALTERNATIVES or math.isnan(own):
        return Prediction(log_prob=math.nan, likeliest=token)
    # Among equals the lowest id, as an argmax takes it.
    return Prediction(log_prob=own, likeliest=ranked[0][0], margin=ranked[0][1] - ranked[1][1])
