"""Finding in a long text what a question asks for; its length is in tokens of the model under test."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tailgate_slices.drawing import fixed_values, item_id
from tailgate_slices.grading import COMMON_MODES
from tailgate_slices.item import Answer, Card, Grade, Item, Slice, SliceError, TokenCounter
from tailgate_slices.long_context.filler import Counter
from tailgate_slices.long_context.grading import grade_lookup
from tailgate_slices.long_context.haystack import Address
from tailgate_slices.long_context.shelf import haystack_at

TASKS = ("kv", "multikey", "multivalue", "multiquery", "tracking", "common", "absent", "paraphrase", "join", "symbol")
# "Sure! Here is the code of the wooden basket:", then "**4821**", for kv; several codes, fenced code, or a sentence
# that says there is none take more.
ANSWER_TOKENS: Mapping[str, int] = MappingProxyType({"kv": 20, "multivalue": 64, "multiquery": 80, "join": 40})
ANSWER_TOKENS_ELSE = 36
TEMPLATE_TOKENS = 64  # room for the chat template and its system prompt
ALONE = 1024  # up to that many tokens every question has its own text
QUESTIONS = 4  # about each text that is longer


class LongContext(Slice):
    """Ten ways to ask for what stands, or does not stand, somewhere in a text."""

    name = "long_context"
    version = "5"
    axes: Mapping[str, tuple[str, ...]] = MappingProxyType(
        {
            "len": tuple(str(2**power) for power in range(7, 18)),
            "task": TASKS,
            "depth": tuple(str(decile) for decile in range(10)),
        }
    )
    uses_tokenizer = True
    card = Card(
        catches="Damage to attention over distance and among similar keys: neighbours' values, blurred digits, half of "
        "several values, outdated values, and answers to questions that the text does not answer.",
        why="Published damage is largest where context is long.",
        scoring="1 if the answer holds all wanted codes, or the wanted name, and no other of the text; where the text "
        "gives no answer, 1 if the answer says so and holds no value; else 0. An answer ends with its first line that "
        "holds a value or abstains; a list of several codes is read to its afterword. Signals: whether the answer "
        "abstained and whether it should have.",
        provenance="Generated lists, needles and filler in six registers and six natural languages, from own templates "
        "and word lists; no text of others.",
        licence="Apache-2.0",
        failure_modes={
            **COMMON_MODES,
            "wrong_line": "the value of another key, or another name of the text",
            "blurred": "a number that stands nowhere in the text",
            "hedged": "the wanted answer and others",
            "no_code": "no number at all",
            "no_name": "no name of the text",
            "incomplete": "some of the wanted codes, not all",
            "swapped": "all wanted codes, for one another's keys",
            "stale": "a code from before the last change",
            "half_way": "the place that leads to the code instead of the code",
            "denied": "says only that the wanted answer is not the one",
            "abstained": "says that the text does not tell, although it does",
            "hallucinated": "a value where the text gives none",
        },
        limits="Needles and questions are English in filler of any language, so that a needle may stand out there. "
        "Filler repeats its templates. Other wordings of an abstention than the usual English ones are not "
        "understood. Depth is a share of the tokens, beyond 8192 of them of the letters. Texts of few lines (shorter "
        "than 512 tokens, or in tokens of a letter each) may miss its decile by a line. The answer budget of kv holds "
        "a sentence with the code, not the whole line: an answer that quotes the line may be cut before its code.",
    )

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """Find the haystack of the index, or build it, and ask one of its questions.

        Raises
        ------
        SliceError
            No tokenizer was given, the stratum is unknown or without a length, or the length is too small in these
            tokens.
        """
        if tokens is None:
            fixed_values(self, stratum)
            raise SliceError(f"{self.name} counts tokens, got no tokenizer; give one")
        share = self.cluster_items(stratum)
        number, question = divmod(index, share)
        counter = Counter(tokens.sha256, tokens)
        haystack = haystack_at(self._address(stratum, seed, number), counter)
        asked = haystack.stack.questions[question]
        return Item(
            id=f"{item_id(self, stratum, seed, index)}/{tokens.sha256[:8]}",
            slice=self.name,
            stratum=stratum,
            index=index,
            prompt=haystack.stack.prompt(question),
            references=(asked.reference,),
            max_new_tokens=_answer_tokens(haystack.task),
            cluster=None if share == 1 else f"{item_id(self, stratum, seed, number)}/text/{tokens.sha256[:8]}",
            attributes={
                "task": haystack.task,
                "language": haystack.language,
                "register": haystack.register,
                "depth_decile": asked.decile,
                "n_needles": haystack.stack.n_needles,
                "n_lines": haystack.stack.n_lines,
                "prompt_tokens": haystack.prompt_tokens[question],
                **asked.facts,
            },
        )

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Compare what the answer names with what is wanted and with what else the text holds."""
        return grade_lookup(item, answer)

    def min_context(self, stratum: str) -> int:
        """The prompt's length and the 1 % by which it may be longer, room for the chat template, and the answer."""
        fixed = self._fixed(stratum)
        tasks = (fixed["task"],) if "task" in fixed else TASKS
        length = int(fixed["len"])
        return length + length // 100 + TEMPLATE_TOKENS + max(_answer_tokens(task) for task in tasks)

    def cluster_items(self, stratum: str) -> int:
        """Questions about one text: several where the text is what takes the time."""
        return QUESTIONS if int(self._fixed(stratum)["len"]) > ALONE else 1

    def _fixed(self, stratum: str) -> dict[str, str]:
        fixed = fixed_values(self, stratum)
        if "len" not in fixed:
            raise SliceError(f"{self.name} has no stratum '{stratum}' without a length; write 'len=512,{stratum}'")
        return fixed

    def _address(self, stratum: str, seed: int, number: int) -> Address:
        fixed = self._fixed(stratum)
        return Address(
            name=self.name,
            version=self.version,
            seed=seed,
            stratum=stratum,
            number=number,
            length=int(fixed["len"]),
            n_questions=self.cluster_items(stratum),
            task=fixed.get("task"),
            decile=int(fixed["depth"]) if "depth" in fixed else None,
        )


def _answer_tokens(task: str) -> int:
    return ANSWER_TOKENS.get(task, ANSWER_TOKENS_ELSE)
