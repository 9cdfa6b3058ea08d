"""Weights that lessons ship: small, half precision, with a card; and what is said when they do not fit."""

import json

import pytest
import torch
from safetensors import safe_open
from torch import nn

from mmcourse import checkpoints
from tools import train
from tools.lesson import find

SHIPPED = sorted(checkpoints.FOLDER.glob("*.safetensors"))


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A folder of weights of its own, with one file: a linear layer and a normalisation with whole numbers in it."""
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    torch.manual_seed(0)
    modules = {"head": nn.Linear(3, 2), "norm": nn.BatchNorm1d(2)}
    checkpoints.save("98", modules, {"accuracy": "0.5"}, tmp_path)
    return tmp_path, modules


def test_weights_come_back_in_half_precision_with_their_facts(house):
    _, modules = house
    head, norm = nn.Linear(3, 2).double(), nn.BatchNorm1d(2)
    assert checkpoints.checkpoint("98", head=head, norm=norm) == {"accuracy": "0.5"}
    assert head.weight.dtype == torch.float64
    torch.testing.assert_close(head.weight, modules["head"].weight.half().double(), rtol=0, atol=0)
    assert norm.num_batches_tracked.dtype == torch.int64
    checkpoints.checkpoint("98", head=nn.Linear(3, 2))  # one of two will do


def test_card_names_weights_and_facts(house):
    folder, _ = house
    page = (folder / "lesson_98.md").read_text()
    assert "| `head` | 8 numbers |" in page
    assert "| accuracy | 0.5 |" in page


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ({}, "needs modules to fill"),
        ({"tail": nn.Linear(3, 2)}, "ships no 'tail'; it ships: head, norm"),
        ({"head": nn.Linear(3, 4)}, "head is not built as"),
        ({"head": nn.Linear(3, 2, bias=False)}, "head is not built as"),
    ],
)
def test_what_does_not_fit_is_named(house, modules, message):
    with pytest.raises(ValueError, match=message):
        checkpoints.checkpoint("98", **modules)


def test_missing_and_damaged_files_say_what_to_do(house):
    folder, _ = house
    with pytest.raises(FileNotFoundError, match=r"course\.py train 97"):
        checkpoints.checkpoint("97", head=nn.Linear(3, 2))
    path = folder / "lesson_98.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match="damaged"):
        checkpoints.checkpoint("98", head=nn.Linear(3, 2))


def test_nothing_is_written_when_weights_are_bad(tmp_path):
    big = nn.Linear(2, 2)
    nn.init.constant_(big.weight, 1e6)
    with pytest.raises(ValueError, match=r"big\.weight is not finite"):
        checkpoints.save("98", {"big": big}, {}, tmp_path)
    with pytest.raises(ValueError, match="at most 5"):
        checkpoints.save("98", {"wide": nn.Linear(2000, 1500)}, {}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_command_keeps_what_the_lesson_trains(house, monkeypatch, capsys):
    folder, modules = house
    monkeypatch.setattr(train, "lift", lambda number, name: lambda: (modules, {"lesson": f"{number} {name}"}))
    monkeypatch.setattr(checkpoints.save, "__defaults__", (folder,))
    assert train.main(["3"]) == 0
    assert "lesson_03.safetensors: 0.0 MB" in capsys.readouterr().out
    facts = checkpoints.checkpoint("03", head=nn.Linear(3, 2))
    assert facts["lesson"] == "03 train_checkpoint"
    assert "CPU minutes of training" in facts


def test_command_says_when_a_lesson_trains_nothing(capsys):
    assert train.main(["01"]) == 1
    assert "lesson 01 defines no 'train_checkpoint'" in capsys.readouterr().err


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_weights_are_small_and_ours(path):
    assert path.stat().st_size <= checkpoints.MEGABYTES * 1e6
    with safe_open(path, framework="pt") as file:
        facts = json.loads(file.metadata()["facts"])
        kinds = {file.get_tensor(key).dtype for key in file.keys()}
    assert kinds <= {torch.float16, torch.int64}
    page = path.with_suffix(".md").read_text(encoding="utf-8")
    assert all(f"| {fact} | {text} |" in page for fact, text in facts.items())
    assert "def train_checkpoint()" in find(path.stem[-2:]).read_text(encoding="utf-8")
