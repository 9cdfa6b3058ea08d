"""The registry, its keys, its cards, and what ``load`` and ``table`` say."""

import dataclasses
import os
import subprocess
import sys
import types

import pytest

from mmcourse import data
from mmcourse.data import REGISTRY, DataError
from mmcourse.data.cards import card, card_folder, cards
from mmcourse.data.entry import Entry
from mmcourse.data.splits import DataSplits, Split

GENERATED = ("digit_speech", "talking_mouth", "emoji_scenes", "brain")


def build_a(files, folder):
    """Build it."""
    return None


def build_b(files, folder):
    """Build it differently."""
    return 1


@pytest.fixture
def toy(monkeypatch):
    """A generated data set, in the registry for one test."""

    def load(_, *, n=3):
        """Return it."""
        split = Split({"text": ["a"] * n}, [0] * n)
        return DataSplits(split, split, split)

    facts = dict.fromkeys(("title", "task", "size", "licence", "source", "stands_in_for"), "made up")
    entry = Entry("toy", **facts, modalities=("text",), real=False, caveats=("none",), load=load)
    monkeypatch.setitem(REGISTRY, "toy", entry)
    return entry


@pytest.mark.parametrize("entry", REGISTRY.values(), ids=list(REGISTRY))
def test_every_entry_is_complete(entry):
    for field in ("title", "task", "modalities", "size", "licence", "source", "caveats"):
        assert getattr(entry, field), field
    assert entry.stands_in_for or entry.find
    assert entry.real is (entry.name not in GENERATED)
    assert bool(entry.wheels) == (bool(entry.build) and (entry.real or bool(entry.shares) or entry.name == "brain"))
    assert all(len(wheel.sha256) == 64 and wheel.size > 1000 for wheel in entry.wheels)
    assert not any("http" in text or "://" in text for text in map(str, dataclasses.astuple(entry)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("stocks", "Survivors only"),
        ("movie_reviews", "not stated"),
        ("spoken_digits", "optimistic"),
        ("emoji", "CC BY-SA 4.0"),
        ("digits", "13 people"),
        ("audio_visual_digits", "Given the digit, picture and sound are independent"),
        ("sst2", "optimistic"),
        ("sp500", "Survivors only"),
        ("coco_captions", "only its own counts"),
        ("vqa", "never run on the real files"),
        ("emoji_scenes", "The question alone is worth little"),
        ("flickr30k", "figures cannot be compared with the literature"),
        ("flickr8k", "never run on the real files"),
        ("grid", "no speaker is in two parts"),
        ("grid", "51 words in six fixed places"),
        ("phoenix2014t", "It has no sound"),
        ("phoenix2014t", "share their signers"),
        (
            "movielens",
            "real, synthetic in part: the posters, drawn from a film's genres plus noise, never from its ratings",
        ),
        ("movielens", "no redistribution"),
        ("movielens_posters", "missing for a reason"),
        ("brain", "intervals are over simulated subjects, not over people"),
        ("brats", "never run on the real files"),
        ("brats", "It has no CT"),
        ("wordllama", "terms of their own"),
        ("minilm", "Apache-2.0"),
        ("efficientnet", "Apache-2.0"),
    ],
)
def test_cards_say_what_must_be_said(name, words):
    assert words in card(REGISTRY[name])


def test_cards_are_fresh():
    folder = card_folder()
    written = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    assert written == cards(), "stale: run python -m mmcourse.data --cards"


def test_a_synthetic_set_says_so_on_its_card(toy):
    assert "synthetic: generated, not measured" in card(toy)


def test_the_key_is_the_same_in_every_process():
    code = "from mmcourse.data import REGISTRY; print({n: e.key() for n, e in REGISTRY.items()})"
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.strip() == str({name: entry.key() for name, entry in REGISTRY.items()})


def test_the_key_changes_with_sources_recipe_and_helpers():
    entry = dataclasses.replace(REGISTRY["stocks"], build=build_a)
    wheel = dataclasses.replace(entry.wheels[0], version="1.12.3")
    changed = [
        dataclasses.replace(entry, build=build_b),
        dataclasses.replace(entry, helpers=(48,)),
        dataclasses.replace(entry, helpers=(build_b,)),
        dataclasses.replace(entry, wheels=(wheel,)),
    ]
    keys = [entry.key(), *(other.key() for other in changed)]
    assert len(set(keys)) == 5
    assert dataclasses.replace(entry, title="Another title").key() == entry.key()


def test_halves_that_were_paired_say_so_once(toy, monkeypatch, capsys):
    paired = dataclasses.replace(toy, real=True, pairing="paired at random by label")
    assert "| Real or synthetic | real halves, synthetic pairing: paired at random by label |" in card(paired)
    monkeypatch.setattr(data, "_SHOWN", set())
    monkeypatch.setitem(REGISTRY, "toy", paired)
    data.load("toy")
    shown = capsys.readouterr().out
    assert "SYNTHETIC PAIRING" in shown
    assert "Real halves, paired at random by label" in shown
    assert "SYNTHETIC DATA" not in shown
    data.load("toy")
    assert capsys.readouterr().out == ""


def test_a_synthetic_part_is_said_once(toy, monkeypatch, capsys):
    monkeypatch.setattr(data, "_SHOWN", set())
    monkeypatch.setitem(REGISTRY, "toy", dataclasses.replace(toy, real=True, synthetic="the posters"))
    data.load("toy")
    assert "*** PARTLY SYNTHETIC: made up. Generated: the posters; see data/toy.md ***" in capsys.readouterr().out
    data.load("toy")
    assert capsys.readouterr().out == ""


def test_sets_that_share_files_are_fetched_once():
    shared, owner = REGISTRY["audio_visual_digits"], REGISTRY["spoken_digits"]
    assert shared.folder_name() == owner.folder_name()
    assert not data.ready("audio_visual_digits")
    folder = data.cache_folder() / owner.folder_name()
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    assert data.ready("audio_visual_digits")
    assert data.prepare("audio_visual_digits") == folder


def test_synthetic_data_shows_a_banner_once(toy, monkeypatch, capsys):
    monkeypatch.setattr(data, "_SHOWN", set())
    data.load("toy", n=2)
    assert "*** SYNTHETIC DATA: " in capsys.readouterr().out
    data.load("toy", n=2)
    assert capsys.readouterr().out == ""


def test_real_data_shows_none_and_attribution_is_shown_once(toy, monkeypatch, capsys):
    monkeypatch.setattr(data, "_SHOWN", set())
    monkeypatch.setitem(REGISTRY, "toy", dataclasses.replace(toy, real=True, attribution="By somebody, CC BY 4.0"))
    data.load("toy")
    assert capsys.readouterr().out == "By somebody, CC BY 4.0\n"
    data.load("toy")
    assert capsys.readouterr().out == ""


def test_unknown_names_and_options(toy):
    with pytest.raises(DataError, match="There is no data set 'stonks'; there are: stocks, movie_reviews"):
        data.load("stonks")
    with pytest.raises(ValueError, match=r"load\('toy'\) has no option 'm'; it has: n"):
        data.load("toy", m=1)
    with pytest.raises(DataError, match="The data set 'toy' is not a table; these are: stocks"):
        data.table("toy")


def test_what_needs_no_cache_is_ready(toy):
    assert data.ready("digits")
    assert data.prepare("digits") is None
    assert not data.ready("stocks")


def test_the_package_is_light_until_data_is_loaded():
    code = "import sys, mmcourse.data; print([m for m in ('torch', 'pandas', 'sklearn', 'PIL') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_names_loaded_on_first_use():
    assert isinstance(data.collate, types.FunctionType)
    assert data.DataSplits is DataSplits
    with pytest.raises(AttributeError, match="has no 'nonsense'"):
        _ = data.nonsense
