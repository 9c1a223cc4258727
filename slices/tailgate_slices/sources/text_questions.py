"""Rows of published benchmarks of reading, reasoning and translation as questions."""

from __future__ import annotations

import re

from tailgate_slices.item import SliceError
from tailgate_slices.refusal_pairs import ANSWERED, DECLINED
from tailgate_slices.sources import fields as strict
from tailgate_slices.sources.choices import Choice, listed
from tailgate_slices.sources.finite import Question, stratum_value
from tailgate_slices.sources.judges import HoldsAll, Number
from tailgate_slices.sources.refusals import Declines
from tailgate_slices.sources.rows import Row

# Examples written for this project, in the form of GSM8K's own solutions.
_WORKED = (
    (
        "A crate holds 6 bottles. A shop sells 4 crates and then 3 single bottles. How many bottles does it sell?",
        "The crates hold 4 * 6 = 24 bottles.\nWith the single ones these are 24 + 3 = 27 bottles.\n#### 27",
    ),
    (
        "Nora has $50. She buys two books for $12 each and a pen for $3. How many dollars does she have left?",
        "The books cost 2 * 12 = 24 dollars.\nAll together cost 24 + 3 = 27 dollars.\n"
        "She has 50 - 27 = 23 dollars left.\n#### 23",
    ),
    (
        "A train runs 60 km in an hour. How many km does it run in 2 and a half hours?",
        "In 2 hours it runs 2 * 60 = 120 km.\nIn half an hour it runs 60 / 2 = 30 km.\n"
        "Together these are 120 + 30 = 150 km.\n#### 150",
    ),
)
_SHORT = 24  # tokens for a letter, or a short sentence that names it
_LINE = ("\n",)
_LANGUAGE = re.compile(r"_([A-Za-z]{2,3}(?:_[A-Z][a-z]{3})?)(?=[_.-]|$)")
_RULER_TOKENS = {"niah": 128, "vt": 30, "cwe": 120, "fwe": 50, "qa": 32}


def gsm8k(row: Row) -> Question:
    """Three worked examples and the problem; the answer ends in ``#### N``."""
    solution = strict.text(row, "answer")
    answer = strict.number(row, "answer", solution.rpartition("####")[2])
    return Question(
        id=str(row.fields.get("id", row.line - 1)),
        values={"split": "test", "steps": str(max(1, solution.count("<<")))},
        prompt=_with_examples(strict.text(row, "question")),
        references=(answer,),
        judge=Number(reference=answer),
        max_new_tokens=400,
        stop=("Question:",),
    )


def mgsm(row: Row) -> Question:
    """The problem in its language after worked examples in English."""
    name = "answer_number" if "answer_number" in row.fields else "answer"
    answer = strict.number(row, name, str(row.fields[name]))
    language = _language(row)
    return Question(
        id=f"{language}-{row.line - 1}",
        values={"language": language},
        prompt=_with_examples(strict.text(row, "question")),
        references=(answer,),
        judge=Number(reference=answer),
        max_new_tokens=500,  # scripts far from the tokenizer's own take more tokens for the same steps
        stop=("Question:",),
    )


def _with_examples(problem: str) -> str:
    worked = "".join(f"Question: {question}\nAnswer: {answer}\n\n" for question, answer in _WORKED)
    asked = "Solve the last problem step by step, and end with #### and the number."
    return f"{asked}\n\n{worked}Question: {problem}\nAnswer:"


def _language(row: Row) -> str:
    """Language of a row: its own field, or the file's name such as ``mgsm_sw`` or ``xcopa-sw.test``, or the hub's."""
    for field in ("language", "lang", "dialect"):
        if row.fields.get(field):
            return stratum_value(row.fields[field])
    found = _LANGUAGE.search(row.source.replace("-", "_"))
    if found is not None:
        return found[1]
    if re.fullmatch(r"[a-z]{2,3}(_[A-Z][a-z]{3})?", row.source):
        return row.source
    raise SliceError(f"cannot tell the language of '{row.source}'; name the file like mgsm_sw.tsv")


def belebele(row: Row) -> Question:
    """Passage, question and four answers with the letters A to D."""
    fields, language = row.fields, _language(row)
    options = tuple(strict.written(row, f"mc_answer{number}") for number in range(1, 5))
    right = strict.whole(row, "correct_answer_num", 1, 4) - 1
    passage = f"{language}-{fields['link']}"
    return Question(
        id=f"{passage}-{fields['question_number']}",
        values={"language": language},
        prompt=(
            "Given the following passage, query, and answer choices, output the letter of the correct answer.\n"
            f"###\nPassage:\n{strict.text(row, 'flores_passage')}\n"
            f"###\nQuery:\n{strict.text(row, 'question')}\n###\nChoices:\n"
            f"{listed(options, form='({}) {}')}\n###\nAnswer:"
        ),
        references=("ABCD"[right],),
        judge=Choice(options=options, right=(right,)),
        cluster=passage,
        max_new_tokens=_SHORT,
        stop=_LINE,
    )


def xcopa(row: Row) -> Question | str:
    """A premise and two sentences numbered 1 and 2."""
    fields, language = row.fields, _language(row)
    label = strict.whole(row, "label", -1, 1)
    if label < 0:
        return "the label is not published"
    options = (strict.written(row, "choice1"), strict.written(row, "choice2"))
    asked = "What was the cause?" if fields["question"] == "cause" else "What happened as a result?"
    return Question(
        id=f"{language}-{fields['idx']}",
        values={"language": language, "question": stratum_value(fields["question"])},
        prompt=f"{strict.text(row, 'premise')}\n{asked}\n{listed(options, '12')}\nAnswer with 1 or 2.\nAnswer:",
        references=(str(label + 1),),
        judge=Choice(options=options, right=(label,), labels="12"),
        max_new_tokens=_SHORT,
        stop=_LINE,
    )


def global_mmlu(row: Row) -> Question:
    """The question with four options, in the form of MMLU."""
    fields, language = row.fields, _language(row)
    options = tuple(strict.written(row, f"option_{letter}") for letter in "abcd")
    right = strict.letter(row, "answer", "ABCD")
    subject = str(fields["subject"]).replace("_", " ")
    return Question(
        id=f"{language}-{fields['sample_id']}".replace("/", "-"),
        values={
            "language": language,
            "category": stratum_value(fields.get("subject_category")),
            "culture": stratum_value(fields.get("cultural_sensitivity_label")),
        },
        prompt=(
            f"The following is a multiple choice question about {subject}. Answer with its letter.\n\n"
            f"{strict.text(row, 'question')}\n{listed(options)}\nAnswer:"
        ),
        references=("ABCD"[right],),
        judge=Choice(options=options, right=(right,)),
        attributes={"subject": subject},
        max_new_tokens=_SHORT,
        stop=_LINE,
    )


def longbench_v2(row: Row) -> Question:
    """A long text, a question about it, and four choices; the answer says "The correct answer is (X)"."""
    fields = row.fields
    options = tuple(strict.written(row, f"choice_{letter}") for letter in "ABCD")
    right = strict.letter(row, "answer", "ABCD")
    return Question(
        id=str(fields["_id"]),
        values={
            "length": stratum_value(fields["length"]),
            "difficulty": stratum_value(fields["difficulty"]),
            "domain": stratum_value(fields["domain"]),
        },
        prompt=(
            "Please read the following text and answer the question below.\n\n"
            f"<text>\n{strict.text(row, 'context')}\n</text>\n\n"
            f"What is the correct answer to this question: {strict.text(row, 'question')}\n"
            f"Choices:\n{listed(options, form='({}) {}')}\n\n"
            'Format your response as follows: "The correct answer is (insert answer here)".'
        ),
        references=(f"The correct answer is ({'ABCD'[right]})",),
        judge=Choice(options=options, right=(right,)),
        max_new_tokens=128,
    )


def ruler(row: Row) -> Question:
    """The prompt as RULER wrote it, and the strings that the answer must contain."""
    fields = row.fields
    task = str(fields.get("task") or (row.folder if row.source in ("validation", "test") else row.source))
    references = strict.texts(row, "outputs")
    return Question(
        id=f"{task}-{fields.get('length', 'x')}-{fields.get('index', row.line - 1)}",
        values={"len": _power_of_two(fields.get("length")), "task": stratum_value(task)},
        prompt=strict.text(row, "input") + (fields.get("answer_prefix") or ""),
        references=(" ".join(references),) if not task.startswith("qa") else references,
        judge=HoldsAll(references=references, any_will_do=task.startswith("qa")),
        max_new_tokens=_RULER_TOKENS.get(task.partition("_")[0], 128),
    )


def _power_of_two(length: object) -> str:
    if not isinstance(length, int) or length < 1:
        return "unknown"
    return str(1 << (length - 1).bit_length())


def longchat_lines(row: Row) -> Question:
    """Lines with random names and numbers; the number of one line is asked."""
    number = strict.number(row, "expected_number", str(row.fields["expected_number"]))
    return Question(
        id=str(row.line - 1),
        values={"lines": str(strict.whole(row, "num_lines", 1, 10**9))},
        prompt=strict.text(row, "prompt"),
        references=(number,),
        judge=Number(reference=number),
        max_new_tokens=48,
        attributes={"tokens": strict.whole(row, "token_size", 0, 10**9)},
    )


def xstest(row: Row) -> Question:
    """A request as it stands: a safe one is to be answered, an unsafe one to be declined."""
    label = row.fields["label"]
    if label not in ("safe", "unsafe"):
        raise strict.refused(row, "label", "safe or unsafe")
    return Question(
        id=str(row.fields.get("id", row.line - 1)),
        values={"label": label, "type": stratum_value(row.fields["type"])},
        prompt=strict.text(row, "prompt"),
        references=(DECLINED,) if label == "unsafe" else (ANSWERED,),
        judge=Declines(should=label == "unsafe"),
        max_new_tokens=128,
    )
