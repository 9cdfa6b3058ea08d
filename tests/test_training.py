"""`fit` against a loop written out by hand, against itself on two processes, and against everything that goes wrong."""

import math
import socket
import sys
from pathlib import Path

import nbformat
import pytest
import torch
from accelerate import Accelerator
from nbclient import NotebookClient
from torch import nn

from mmcourse import training
from mmcourse.data import collate
from mmcourse.training import History, fit

SETTINGS = {
    "epochs": 3,
    "batch_size": 16,
    "lr": 0.02,
    "weight_decay": 0.1,
    "seed": 5,
    "device": "cpu",
    "verbose": False,
}


class Reader(nn.Module):
    """Pools a ragged sequence under its mask; one parameter is never used, one cannot learn, one buffer is whole."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.outer = nn.Linear(3, 8), nn.Linear(8, 1)
        self.unused = nn.Parameter(torch.ones(4))
        self.fixed = nn.Parameter(torch.ones(2), requires_grad=False)
        self.register_buffer("batches", torch.tensor(0))
        self.double()

    def forward(self, inputs, masks):
        x = inputs["audio"]
        keep = masks.get("audio", torch.ones(x.shape[:2], dtype=torch.bool))[..., None]
        self.batches += self.training
        return self.outer(((self.inner(x).tanh() * keep).sum(1) / keep.sum(1)) * self.fixed[0])[:, 0]


def squared_error(model, batch):
    inputs, masks, target = batch
    return ((model(inputs, masks) - target) ** 2).mean()


def sequences(n, seed):
    """Ragged sequences whose target is the mean of their first channel."""
    rng = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 7, (n,), generator=rng).tolist()
    rows = [torch.randn(length, 3, generator=rng, dtype=torch.float64) for length in lengths]
    return [({"audio": row, "text": f"{len(row)} steps"}, row[:, 0].mean()) for row in rows]


def reader_run():
    """Train on 97 items: the last batch has one, so that one of two processes has nothing to do in it."""
    model = Reader()
    history = fit(model, sequences(97, 1), sequences(21, 2), loss=squared_error, **SETTINGS)
    return {"state": model.state_dict(), "history": (history.train, history.valid, history.best_epoch)}


def same_run(one, other):
    for part in ("state", "history"):
        torch.testing.assert_close(one[part], other[part], rtol=0, atol=1e-9)


def test_fit_equals_the_loop_written_out():
    train, valid, model = sequences(50, 1), sequences(20, 2), Reader()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02, weight_decay=0.1)
    order, curve, best = torch.Generator().manual_seed(5), [], None
    for _ in range(3):
        model.train()
        for batch in torch.randperm(len(train), generator=order).split(16):
            optimizer.zero_grad()
            squared_error(model, collate([train[i] for i in batch])).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            curve.append(squared_error(model, collate(valid)).item())
        if curve[-1] == min(curve):
            best = {key: value.clone() for key, value in model.state_dict().items()}
    fitted = Reader()
    history = fit(fitted, train, valid, loss=squared_error, **SETTINGS)
    assert history.valid == pytest.approx(curve, abs=1e-12)
    assert history.best_epoch == 1 + curve.index(min(curve))
    assert all(torch.equal(value, best[key]) for key, value in fitted.state_dict().items())
    assert history.valid[-1] < 0.5 * curve[0] or history.valid[-1] < history.valid[0]


NOTEBOOK = """
import sys; sys.path.insert(0, {tests!r})
import accelerate, torch
from test_training import reader_run, same_run
first = reader_run()
def several(folder):
    found, state = reader_run(), accelerate.PartialState()
    found["world"] = state.num_processes, torch.distributed.get_world_size()
    torch.save(found, f"{{folder}}/{{state.process_index}}.pt")
accelerate.notebook_launcher(several, ({folder!r},), num_processes=2, mixed_precision="no", use_port="{port}")
same_run(first, reader_run())
torch.save(first, {folder!r} + "/alone.pt")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="notebook_launcher forks, and Windows cannot")
def test_two_processes_in_a_notebook_equal_one_before_and_after(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    source = NOTEBOOK.format(tests=str(Path(__file__).parent), folder=str(tmp_path), port=port)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    alone, *pair = [torch.load(tmp_path / f"{name}.pt") for name in ("alone", 0, 1)]
    for found in pair:
        assert found["world"] == (2, 2)
        same_run(alone, found)


class Counter(nn.Module):
    """Counts its training batches in a buffer; `tune` is its one parameter."""

    def __init__(self):
        super().__init__()
        self.tune = nn.Parameter(torch.tensor(1.0))
        self.register_buffer("seen", torch.tensor(0.0), persistent=False)

    def forward(self):
        self.seen += self.training
        return self.tune


def items(n):
    return [({"image": torch.zeros(1)}, torch.tensor(0.0)) for _ in range(n)]


def distance_to_six(model, batch):
    """While learning the parameter itself, so that it falls; afterwards least after six batches."""
    tune = model()
    return tune if model.training else (model.seen - 6) ** 2 + 0 * tune


def count(model, n=6, **options):
    options = {"loss": distance_to_six, "epochs": 5, "batch_size": 2, "verbose": False, **options}
    return fit(model, items(n), items(3), **options)


def test_best_epoch_is_restored_with_its_buffers():
    model = Counter()
    history = count(model)  # three batches an epoch: 3, 6, 9, 12, 15 batches
    assert history.valid == (9, 0, 9, 36, 81)
    assert (history.best_epoch, model.seen.item()) == (2, 6)
    assert model.tune.item() == pytest.approx(1 - 6e-3, abs=1e-6)  # Adam's first steps are lr long
    assert not model.training


def test_first_of_equal_epochs_is_the_best():
    model = Counter()
    assert count(model, loss=lambda model, batch: model() * 0 + 1).best_epoch == 1
    assert model.seen == 3


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_loss_not_finite_names_epoch_and_step_and_keeps_the_best(bad):
    def loss(model, batch):
        value = distance_to_six(model, batch)
        return value * bad if model.training and model.seen == 11 else value

    model = Counter()
    with pytest.raises(ValueError, match="epoch 4, step 2 of 3"):
        count(model, loss=loss)
    assert model.seen == 6
    assert not model.training


def test_loss_not_finite_at_once_keeps_the_start():
    model = Counter()
    with pytest.raises(ValueError, match="epoch 1, step 1 of 3"):
        count(model, loss=lambda model, batch: model() * math.nan)
    assert (model.tune, model.seen) == (1, 0)


def test_validation_not_finite():
    def loss(model, batch):
        return model() if model.training else model() / 0

    with pytest.raises(ValueError, match="validation loss is inf after epoch 1"):
        count(Counter(), loss=loss)


@pytest.mark.parametrize(("after", "epochs", "seen"), [(2, 0, 2), (11, 3, 6)])
def test_interrupt_keeps_what_was_learned(after, epochs, seen, capsys):
    def loss(model, batch):
        if model.seen == after:
            raise KeyboardInterrupt
        return distance_to_six(model, batch)

    model = Counter()
    history = count(model, loss=loss)
    assert (len(history.train), len(history.valid), model.seen) == (epochs, epochs, seen)
    assert history.best_epoch == min(epochs, 2)
    assert f"interrupted in epoch {epochs + 1}" in capsys.readouterr().out
    assert not model.training


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda model, batch: model().expand(2), r"scalar tensor; it returned a tensor of shape \(2,\)"),
        (lambda model, batch: None, "it returned NoneType"),
        (lambda model, batch: model().item(), "it returned float"),
        (lambda model, batch: model().detach(), "does not depend on any parameter"),
    ],
)
def test_loss_must_be_a_scalar_of_the_model(loss, message):
    with pytest.raises(ValueError, match=message):
        count(Counter(), loss=loss)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": []}, "train is empty"),
        ({"valid": []}, "valid is empty"),
        ({"epochs": 0}, "at least 1"),
        ({"batch_size": 0}, "at least 1"),
    ],
)
def test_nothing_to_do(change, message):
    settings = {"train": items(2), "valid": items(2), "loss": distance_to_six, "epochs": 1, **change}
    with pytest.raises(ValueError, match=message):
        fit(Counter(), **settings)


def noisy_run(seed, elsewhere):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1)).double()
    data = [({"image": torch.randn(3, dtype=torch.float64)}, torch.tensor(0.0)) for _ in range(20)]
    before = torch.manual_seed(elsewhere).get_state()
    loss = lambda model, batch: (model(batch[0]["image"]) ** 2).mean()  # noqa: E731
    history = fit(model, data[:10], data[10:], loss=loss, epochs=3, batch_size=10, seed=seed, verbose=False)
    assert torch.equal(torch.get_rng_state(), before)  # the caller's random numbers are left alone
    return history.train, history.valid


def test_runs_repeat_with_their_seed_alone():
    first = noisy_run(0, elsewhere=1)
    assert noisy_run(0, elsewhere=2) == first
    assert noisy_run(1, elsewhere=1) != first


def test_modes_and_gradients():
    seen = []

    def loss(model, batch):
        seen.append((model.training, torch.is_grad_enabled(), len(batch[2])))
        return model()

    model = Counter().eval()
    fit(model, items(5), items(3), loss=loss, epochs=2, batch_size=4, verbose=False)
    assert seen == [(True, True, 4), (True, True, 1), (False, False, 3)] * 2


def test_parameters_out_of_use_stay_as_they_were():
    state = reader_run()["state"]
    assert torch.equal(state["unused"], torch.ones(4).double())
    assert torch.equal(state["fixed"], torch.ones(2).double())


def test_stands_beside_other_accelerators():
    Accelerator(cpu=True)
    first = reader_run()
    Accelerator(cpu=True)
    same_run(first, reader_run())


def test_one_line_when_verbose_and_none_when_not(capsys):
    history = count(Counter(), verbose=True)
    assert capsys.readouterr() == (f"{history}\n", "")
    assert str(history).startswith("best epoch 2 of 5: validation loss 0, training loss 0.99")
    count(Counter())
    assert capsys.readouterr() == ("", "")
    assert str(History((), (), 0, 1.0)) == "no epoch finished in 1.0 s"


@pytest.mark.parametrize(("verbose", "strict", "drawn"), [(True, "0", True), (True, "1", False), (False, "0", False)])
def test_bar_is_one_line_and_only_for_a_reader(verbose, strict, drawn, monkeypatch, capsys):
    monkeypatch.setenv("MMCOURSE_STRICT", strict)
    bar = training.tqdm
    monkeypatch.setattr(training, "tqdm", lambda **options: bar(**{**options, "delay": 0}))
    count(Counter(), verbose=verbose)
    shown = capsys.readouterr().err
    assert ("batch" in shown) == drawn
    assert "\n" not in shown


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_runs_in_half_precision_and_then_the_cpu_again():
    seen = []

    def loss(model, batch):
        out = model(batch[0]["image"])
        seen.append((out.device.type, out.dtype))
        return (out.float() ** 2).mean()

    data = [({"image": torch.randn(3)}, torch.tensor(0.0)) for _ in range(20)]
    for place in ("cuda", "cpu"):
        model = nn.Linear(3, 1)
        history = fit(model, data, data, loss=loss, epochs=3, lr=0.1, device=place, verbose=False)
        assert history.valid[-1] < history.valid[0]
        assert model.weight.dtype == torch.float32
    assert seen[0][0] == "cuda"
    assert seen[0][1] in (torch.bfloat16, torch.float16)
    assert seen[-1] == ("cpu", torch.float32)
