"""Training at the size of a card: samples a second, as a share of the card's measured matrix-product peak."""

import os
import statistics
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.race import milliseconds
from mmcourse.alignment import info_nce
from mmcourse.fusion import CrossModalTransformer

SIZES = {"cuda": {"pairs": 4096, "width": 2048, "batch": 256, "length": 128, "matrix": 8192}}
SIZES["cpu"] = {"pairs": 256, "width": 256, "batch": 8, "length": 32, "matrix": 1024}


def tower(width, depth):
    """An encoder of a few wide layers."""
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.GELU())]
    return nn.Sequential(*layers, nn.Linear(width, 512))


class TwoTowers(nn.Module):
    """Two encoders and InfoNCE over the whole batch."""

    def __init__(self, width, depth=4):
        super().__init__()
        self.towers = nn.ModuleList(tower(width, depth) for _ in range(2))
        self.scale = nn.Parameter(torch.tensor(2.6593))

    def forward(self, a, b):
        return info_nce(self.towers[0](a), self.towers[1](b), self.scale)


class Reader(nn.Module):
    """Attention between three streams, then the squared error."""

    def __init__(self, width=256):
        super().__init__()
        self.fusion = CrossModalTransformer({name: 64 for name in "abc"}, 1, width=width, num_heads=8)

    def forward(self, a, b, c):
        return self.fusion({"a": a, "b": b, "c": c}).square().mean()


@dataclass(frozen=True)
class Way:
    """How the same step is run."""

    name: str
    half: bool = False
    compiled: bool = False


WAYS = (Way("float32"), Way("bfloat16", half=True), Way("bfloat16, compiled", half=True, compiled=True))


def tasks(device):
    """Return {name: (model, inputs, samples in a batch)} at the sizes of a device."""
    torch.manual_seed(0)
    s = SIZES[device]
    pair = [torch.randn(s["pairs"], s["width"], device=device) for _ in range(2)]
    streams = [torch.randn(s["batch"], s["length"], 64, device=device) for _ in range(3)]
    towers, reader = TwoTowers(s["width"]).to(device), Reader().to(device)
    return {
        f"two towers and InfoNCE, batch {s['pairs']:,}": (towers, pair, s["pairs"]),
        f"CrossModalTransformer, batch {s['batch']}, 3 x {s['length']} steps": (reader, streams, s["batch"]),
    }


def seconds(call, device, rounds=10):
    """Median time of a call, after a warm-up of three."""
    for _ in range(3):
        call()
    return statistics.median(milliseconds(call, device) for _ in range(rounds)) / 1e3


def peak(device, half):
    """Floating-point operations a second in one large matrix product."""
    n = SIZES[device]["matrix"]
    x = torch.randn(n, n, device=device, dtype=torch.bfloat16 if half else torch.float32)
    return 2 * n**3 / seconds(lambda: x @ x, device)


def step(model, inputs, device, way):
    """Return a function that makes one step of AdamW."""
    run = torch.compile(model) if way.compiled else model
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=device == "cuda")

    def call():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=way.half):
            loss = run(*inputs)
        loss.backward()
        optimizer.step()

    return call


def table(device="cuda"):
    """Return samples a second of each task and way, with the share of the measured peak, as a Markdown table."""
    torch.set_float32_matmul_precision("high" if device == "cuda" else "highest")
    rates = {half: peak(device, half) for half in (False, True)}
    lines = ["| training step | number format | samples a second | share of the peak |", "|---|---|---|---|"]
    for name, (model, inputs, samples) in tasks(device).items():
        with FlopCounterMode(display=False) as counter:
            step(model, inputs, device, WAYS[0])()
        for way in WAYS if device == "cuda" else WAYS[:1]:
            took = seconds(step(model, inputs, device, way), device)
            share = counter.get_total_flops() / took / rates[way.half]
            lines.append(f"| {name} | {way.name} | {samples / took:,.0f} | {share:.0%} |")
    what = torch.cuda.get_device_name() if device == "cuda" else "the processor"
    lines += ["", f"Measured peak of {what}: {rates[False] / 1e12:.3g} Tflop/s in float32 (TF32 on a card), "]
    lines[-1] += f"{rates[True] / 1e12:.3g} in bfloat16."
    return "\n".join(lines)


def section(device):
    """Training steps on one device, and two processes."""
    return f"{table(device)}\n\n{scaling(device)}"


# --- two processes ---------------------------------------------------------------------------------------------------


def _worker(rank, processes, device, samples, results):
    """Train the towers through `mmcourse.training.fit` in one of several processes, one thread each."""
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(processes), OMP_NUM_THREADS="1")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29517", ACCELERATE_USE_CPU=str(device == "cpu").lower())
    torch.set_num_threads(1)
    from mmcourse.training import fit

    model = Reader(64)
    data = [({name: torch.randn(48, 64) for name in "abc"}, torch.zeros(1)) for _ in range(samples)]

    def loss(model, batch):
        return model(*batch[0].values())

    history = fit(model, data, data[:8], loss=loss, epochs=2, device=device, batch_size=32, verbose=False)
    if rank == 0:
        results.put(2 * samples / history.seconds)


def scaling(device="cpu", samples=256):
    """Return a sentence: samples a second with one and with two processes."""
    if device == "cuda" and torch.cuda.device_count() < 2:
        return "Two processes: not measured, it takes two cards."
    rates = {}
    for processes in (1, 2):
        results = torch.multiprocessing.get_context("spawn").SimpleQueue()
        torch.multiprocessing.spawn(_worker, (processes, device, samples, results), nprocs=processes)
        rates[processes] = results.get()
    return (
        f"Training with `mmcourse.training.fit`, one thread a process: {rates[1]:,.0f} samples a second with one process, "
        f"{rates[2]:,.0f} with two, {rates[2] / rates[1]:.2f} times as many."
    )
