"""Long haystacks from disk: equal to drawn ones whatever is there, and never worth a failure."""

from __future__ import annotations

import zlib

import pytest

from tailgate_slices.long_context import LongContext, shelf
from tailgate_slices.long_context.haystack import draw_haystack

MAKER = LongContext()
STRATUM = "len=32768,task=multiquery"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TAILGATE_HAYSTACKS", str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def drawn(monkeypatch):
    """Addresses of the haystacks that had to be drawn."""
    found = []

    def draw(address, tokens):
        found.append(address)
        return draw_haystack(address, tokens)

    monkeypatch.setattr(shelf, "draw_haystack", draw)
    return found


def ask(tokens, stratum=STRATUM, seed=2, index=1):
    """An item, as a process asks that has none in memory."""
    shelf.haystack_at.cache_clear()
    return MAKER.item(stratum=stratum, seed=seed, index=index, tokens=tokens)


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("task", MAKER.axes["task"])
def test_haystack_from_disk_is_the_drawn_one(task, folder, drawn, word_tokens):
    first, again = (ask(word_tokens, f"len=32768,task={task}") for _ in range(2))
    assert len(drawn) == len(files(folder)) == 1
    assert first == again


def test_item_without_a_folder_is_the_same(folder, word_tokens, monkeypatch):
    with_folder = ask(word_tokens)
    monkeypatch.setenv("TAILGATE_HAYSTACKS", "")
    assert ask(word_tokens) == with_folder


def test_short_haystack_is_left_alone(folder, word_tokens):
    ask(word_tokens, "len=16384,task=kv")
    assert not folder.exists()


def test_other_seed_text_tokenizer_or_version_is_another_file(
    folder, drawn, word_tokens, other_word_tokens, monkeypatch
):
    ask(word_tokens)
    ask(word_tokens, seed=3)
    ask(word_tokens, index=5)
    ask(other_word_tokens)
    monkeypatch.setattr(LongContext, "version", "99")
    ask(word_tokens)
    assert len(drawn) == len(files(folder)) == 5


def test_other_text_of_the_package_is_another_file(folder, drawn, word_tokens, monkeypatch):
    ask(word_tokens)
    monkeypatch.setattr(shelf, "_program", lambda: "changed")
    ask(word_tokens)
    assert len(drawn) == len(files(folder)) == 2


@pytest.mark.parametrize("damaged", [b"", b"\x00" * 100, None, zlib.compress(b""), zlib.compress(b"[]")])
def test_damaged_file_is_made_again(damaged, folder, drawn, word_tokens):
    whole = ask(word_tokens)
    (file,) = files(folder)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] if damaged is None else damaged)
    assert ask(word_tokens) == whole
    assert len(drawn) == 2
    assert files(folder) == [file]
    assert file.read_bytes() == content


def test_folder_that_cannot_be_made_is_gone_without(folder, drawn, word_tokens):
    folder.write_text("a file where the folder should be")
    assert ask(word_tokens) == ask(word_tokens)
    assert len(drawn) == 2
    assert folder.read_text() == "a file where the folder should be"


def test_folder_that_may_not_be_written_is_gone_without(folder, drawn, word_tokens, monkeypatch):
    def refuse(*_arguments, **_named):
        raise PermissionError("read-only file system")

    monkeypatch.setattr(shelf.tempfile, "TemporaryDirectory", refuse)
    assert ask(word_tokens) == ask(word_tokens)
    assert len(drawn) == 2
    assert not files(folder)


def test_default_is_the_folder_of_the_user(tmp_path, word_tokens, monkeypatch):
    monkeypatch.delenv("TAILGATE_HAYSTACKS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    ask(word_tokens)
    (file,) = files(tmp_path)
    assert file.relative_to(tmp_path).parts[:2] == ("tailgate", "haystacks")


@pytest.mark.parametrize("home", ["", "here"])
def test_user_without_a_folder_gets_none(home, drawn, word_tokens, monkeypatch, tmp_path):
    monkeypatch.delenv("TAILGATE_HAYSTACKS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.setenv("HOME", "relative")
    monkeypatch.chdir(tmp_path)
    ask(word_tokens)
    assert not list(tmp_path.iterdir())
