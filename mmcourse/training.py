"""Training: the one loop behind every lesson, the same on a laptop, on a GPU and on several processes."""

import contextlib
import itertools
import math
import os
import time
import warnings
from dataclasses import dataclass

import torch
from tqdm import TqdmWarning

with warnings.catch_warnings():  # tqdm complains on import where a kernel has no widgets, and draws a plain bar
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

from accelerate import PartialState
from accelerate.utils import broadcast, reduce, send_to_device

from mmcourse import session
from mmcourse.data import collate

__all__ = ["History", "fit"]


@dataclass(frozen=True, repr=False)
class History:
    """What a training run saw.

    Attributes
    ----------
    train, valid : tuple of float
        Mean loss over the items of each finished epoch: `train` while learning, `valid` after the epoch.
    best_epoch : int
        The epoch with the lowest validation loss, counted from 1; 0 if none was finished.
    seconds : float
        Wall time.
    """

    train: tuple
    valid: tuple
    best_epoch: int
    seconds: float

    def __repr__(self):
        if not self.best_epoch:
            return f"no epoch finished in {self.seconds:.1f} s"
        losses = f"validation loss {self.valid[self.best_epoch - 1]:.4g}, training loss {self.train[self.best_epoch - 1]:.4g}"
        return f"best epoch {self.best_epoch} of {len(self.valid)}: {losses}; {self.seconds:.1f} s"


def fit(
    model, train, valid, *, loss, epochs, device=None, batch_size=64, lr=1e-3, weight_decay=0.0, seed=0, verbose=True
):
    """Train `model` with AdamW and leave it, in eval mode and on `device`, with the weights of its best epoch.

    The best epoch has the lowest loss on `valid`; the test set is not needed, so do not give it.

    Each epoch visits the items in an order drawn from `seed`, and so do random layers; the global random state is left
    as it was. On CUDA the forward pass runs in bfloat16, or in float16 on older cards.

    Under several processes (`torchrun`, `accelerate.notebook_launcher`) each takes its share of every batch, and the
    summed gradients equal those of the whole batch if `loss` averages over items. What looks across items (batch
    normalisation, a contrastive loss) sees one share, and random layers draw differently in each process.

    Parameters
    ----------
    model : torch.nn.Module
    train, valid : torch.utils.data.Dataset
        Items are `(dict of str to Tensor, target)`; `mmcourse.data.collate` makes the batches.
    loss : callable
        `loss(model, batch)` with `batch = (inputs, masks, target)` on the device returns a scalar tensor, the mean
        over the batch's items.
    epochs : int
    device : torch.device or str, optional
        `mmcourse.device()` by default.
    batch_size : int
        Over all processes together.
    lr, weight_decay : float
        AdamW's (Loshchilov and Hutter, 2019).
    seed : int
    verbose : bool
        Show a progress bar while training and print one line at the end.

    Returns
    -------
    History
        An interrupted run (KeyboardInterrupt) returns the epochs it finished; the model has the best weights so far,
        or its present ones if no epoch was finished.

    Raises
    ------
    ValueError
        If `train` or `valid` is empty, `epochs` or `batch_size` is below 1, `loss` does not return a scalar tensor
        that depends on the model, or the loss is NaN or infinite (the model then has the best weights so far).
    """
    _check(train, valid, epochs, batch_size)
    run = _Run(model, loss, torch.device(device or session.device()))
    optimizer = torch.optim.AdamW(model.parameters(), lr, weight_decay=weight_decay)
    quiet = not verbose or run.rank > 0
    steps = epochs * math.ceil(len(train) / batch_size)
    curves, best, start = [], run.copy(), time.perf_counter()
    order = torch.Generator().manual_seed(seed)
    bar = tqdm(total=steps, unit="batch", leave=False, delay=1, disable=quiet or session.strict())
    try:
        with bar, _seeded(seed + run.rank, run.device):
            for epoch in range(1, epochs + 1):
                batches = torch.randperm(len(train), generator=order).split(batch_size)
                learned = run.learn(train, batches, optimizer, epoch, bar)
                judged = run.judge(valid, torch.arange(len(valid)).split(batch_size), epoch)
                if all(judged < earlier for _, earlier in curves):
                    best = run.copy()
                curves.append((learned, judged))
                bar.set_postfix_str(f"epoch {epoch}/{epochs}, validation loss {judged:.4g}", refresh=False)
    except KeyboardInterrupt:
        best = best if curves else run.copy()
        kept = "best" if curves else "present"
        print(f"interrupted in epoch {len(curves) + 1}: the model keeps its {kept} weights")
    finally:
        run.paste(best)
        model.eval()
    history = _history(curves, time.perf_counter() - start)
    if not quiet:
        print(history if run.world == 1 else f"{history} on {run.world} processes")
    return history


def _check(train, valid, epochs, batch_size):
    for name, items in (("train", train), ("valid", valid)):
        if not len(items):
            raise ValueError(f"{name} is empty")
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs and batch_size are at least 1, not {epochs} and {batch_size}")


def _history(curves, seconds):
    train, valid = zip(*curves, strict=True) if curves else ((), ())
    return History(train, valid, valid.index(min(valid)) + 1 if valid else 0, seconds)


class _Run:
    """One process's part in a training run."""

    def __init__(self, model, loss, device):
        state = _join(cpu=device.type == "cpu")
        self.rank, self.world = state.process_index, state.num_processes
        self.device = device if self.world == 1 or device.type == "cpu" else state.device
        self.model, self.loss = model.to(self.device), loss
        self.agree(model.parameters())
        self.agree(model.buffers())
        cuda = self.device.type == "cuda"
        half = torch.float16 if cuda and torch.cuda.get_device_capability(self.device) < (8, 0) else torch.bfloat16
        self.autocast = torch.autocast(self.device.type, half, enabled=cuda)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=half is torch.float16)

    def learn(self, dataset, batches, optimizer, epoch, bar):
        """Take one step a batch; return the mean loss over the items."""
        self.model.train()
        total = 0.0
        parameters = optimizer.param_groups[0]["params"]
        for step, batch in enumerate(batches, 1):
            optimizer.zero_grad()
            share = batch[self.rank :: self.world]
            part = self.mean_loss(dataset, share) * (len(share) / len(batch)) if len(share) else None
            value = self.add_up(0.0 if part is None else part.item())
            if not math.isfinite(value):
                where = f"in epoch {epoch}, step {step} of {len(batches)}"
                raise ValueError(f"the loss is {value} {where}: lower lr, or look for log(0) or 0/0 in the loss")
            if part is not None:
                self.scaler.scale(part).backward()
            self.add_up_gradients(parameters)
            self.scaler.step(optimizer)
            self.scaler.update()
            total += value * len(batch)
            bar.update()
        self.agree(self.model.buffers())
        return total / len(dataset)

    @torch.no_grad()
    def judge(self, dataset, batches, epoch):
        """Return the mean loss over the items, without learning."""
        self.model.eval()
        shares = [batch[self.rank :: self.world] for batch in batches]
        total = self.add_up(sum(self.mean_loss(dataset, s).item() * len(s) for s in shares if len(s)))
        if not math.isfinite(total):
            raise ValueError(
                f"the validation loss is {total} after epoch {epoch}: lower lr, or check the validation items"
            )
        return total / len(dataset)

    def mean_loss(self, dataset, share):
        """Compute the loss of some items."""
        batch = send_to_device(collate([dataset[i] for i in share.tolist()]), self.device)
        with self.autocast:
            value = self.loss(self.model, batch)
        if not isinstance(value, torch.Tensor) or value.ndim:
            found = (
                f"a tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
            )
            raise ValueError(f"loss(model, batch) must return a scalar tensor; it returned {found}")
        if torch.is_grad_enabled() and not value.requires_grad:
            raise ValueError("the loss does not depend on any parameter of the model that can learn")
        return value

    def add_up(self, number):
        """Sum a number over the processes."""
        if self.world == 1:
            return number
        return reduce(torch.tensor(number, dtype=torch.float64, device=self.device), "sum").item()

    def add_up_gradients(self, parameters):
        """Sum gradients over the processes, in one exchange; a parameter that none of them used keeps none."""
        if self.world == 1:
            return
        used = torch.tensor([p.grad is not None for p in parameters], dtype=torch.float32, device=self.device)
        own = [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters]
        sums = reduce(torch.cat([used, *own]), "sum").split([len(used), *(p.numel() for p in parameters)])
        for parameter, count, total in zip(parameters, sums[0].tolist(), sums[1:], strict=True):
            if count:
                parameter.grad = total.view_as(parameter).to(parameter.dtype)

    def agree(self, tensors):
        """Give every process the first one's tensors."""
        if self.world > 1:
            for tensor in tensors:
                broadcast(tensor.data)

    def copy(self):
        """Copy parameters and buffers."""
        return [t.detach().clone() for t in self._state()]

    @torch.no_grad()
    def paste(self, copies):
        """Put copied parameters and buffers back."""
        for tensor, kept in zip(self._state(), copies, strict=True):
            tensor.copy_(kept)

    def _state(self):
        return itertools.chain(self.model.parameters(), self.model.buffers())


def _join(cpu):
    """Meet the processes this one was launched with."""
    state = PartialState(cpu=cpu)
    launched = int(os.environ.get("WORLD_SIZE", 1))
    if state.num_processes < launched:  # what Accelerate remembers is older than the launch
        PartialState._reset_state()
        state = PartialState(cpu=cpu)
    if state.num_processes != launched:
        raise RuntimeError(f"launched as {launched} processes, but {state.num_processes} met")
    return state


@contextlib.contextmanager
def _seeded(seed, device):
    """Seed torch's random numbers on the CPU and on `device`; put their state back afterwards."""
    cuda = [torch.cuda.current_device() if device.index is None else device.index] if device.type == "cuda" else []
    with torch.random.fork_rng(cuda):
        torch.default_generator.manual_seed(seed)
        for index in cuda:
            torch.cuda.default_generators[index].manual_seed(seed)
        yield
