"""How time and memory of each block grow with its input, beside the growth of the work that it should be doing."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.race import CASES, limited, milliseconds, peak_memory

SLACK = 0.3  # a fitted power this much above the expected one is called too steep
CALLS = 5
LEAST_MB = 8  # less memory than this is lost in what the process holds anyway


@dataclass(frozen=True)
class Curve:
    """A case at several sizes; `work(size)` and `room(size)` are what time and memory should be proportional to."""

    case: str
    size: str
    sizes: tuple[int, ...]
    work: Callable[[int], float]
    room: Callable[[int], float]


def power(n):
    """Make the function that raises to the power n."""
    return lambda size: float(size) ** n


CURVES = (
    Curve("dtw", "length", (500, 1000, 2000, 4000), power(2), power(2)),
    Curve("soft_dtw", "length", (64, 128, 256, 512), power(2), power(2)),
    Curve("soft_dtw", "batch", (8, 16, 32, 64), power(1), power(1)),
    Curve("GaussianHMM.decode", "length", (5_000, 10_000, 20_000, 40_000), power(1), power(1)),
    Curve("GaussianHMM.decode", "states", (10, 20, 40, 80), power(2), power(1)),
    Curve("GaussianHMM.posteriors", "length", (5_000, 10_000, 20_000, 40_000), power(1), power(1)),
    Curve("GaussianHMM.posteriors", "states", (10, 20, 40, 80), power(2), power(1)),
    Curve("info_nce", "batch", (512, 1024, 2048, 4096), power(2), power(2)),
    Curve("siglip_loss", "batch", (512, 1024, 2048, 4096), power(2), power(2)),
    Curve("sinkhorn", "length", (250, 500, 1000, 2000), power(2), power(2)),
    Curve("ctc_beam_decode", "length", (100, 200, 400, 800), power(1), power(1)),
    Curve("ctc_beam_decode", "beam", (8, 16, 32, 64), power(1), power(1)),
    Curve("CCA", "samples", (5_000, 10_000, 20_000, 40_000), power(1), power(1)),
    Curve("CCA", "width", (100, 200, 400, 800), power(2), power(1)),
    Curve("KernelCCA", "samples", (500, 1000, 2000), power(3), power(2)),
    Curve("deep_cca_loss", "samples", (1000, 2000, 4000, 8000), power(1), power(1)),
    Curve("TensorFusion", "width", (8, 16, 32, 64), lambda w: (w + 1) ** 3, lambda w: (w + 1) ** 3),
    Curve("LowRankFusion", "modalities", (2, 4, 8, 16), power(1), power(1)),
    Curve("LowRankFusion", "batch", (256, 1024, 4096, 16384), power(1), power(1)),
    Curve("CrossModalTransformer", "modalities", (2, 3, 4, 6), lambda m: m * (m - 1), lambda m: m * (m - 1)),
    Curve("CrossModalTransformer", "length", (50, 100, 200, 400), power(2), power(2)),
    Curve("CrossModalTransformer", "batch", (8, 16, 32, 64), power(1), power(1)),
    Curve("beam_search", "tokens", (10, 20, 40, 80), power(1), power(1)),
    Curve("beam_search", "beam", (5, 10, 20, 40), power(1), power(1)),
)


def exponent(sizes, values):
    """Fit the power p of ``values ~ sizes ** p``."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def measure(curve):
    """Return the best time in ms and the peak memory in MB (or None) of our block at each size."""
    times, memory, case = [], [], CASES[curve.case]
    with limited(case.threads):
        for size in curve.sizes:
            ours, _ = case.make("cpu", **{curve.size: size})
            ours.call()
            times.append(min(milliseconds(ours.call) for _ in range(CALLS)))
            memory.append(peak_memory(ours.call))
    return times, memory


def judge(sizes, values, theory):
    """Say the fitted power, the expected one, and whether it is too steep; "-" when there is too little to fit."""
    enough = [(s, v) for s, v in zip(sizes, values, strict=True) if v is not None]
    if len(enough) < 2:
        return "-"
    found, wanted = exponent(*zip(*enough, strict=True)), exponent(sizes, [theory(s) for s in sizes])
    return f"{found:.1f} of {wanted:.1f}" + (" **too steep**" if found > wanted + SLACK else "")


def section(_device):
    """Return the growth curves as a Markdown table: the fitted power, of the power that the algorithm has."""
    lines = ["| block | by | sizes | ms | power of time | MB | power of memory |", "|---|---|---|---|---|---|---|"]
    for curve in CURVES:
        times, memory = measure(curve)
        large = [m if m is not None and m > LEAST_MB else None for m in memory]
        cells = (
            curve.case,
            curve.size,
            ", ".join(f"{s:,}" for s in curve.sizes),
            ", ".join(f"{t:.3g}" for t in times),
            judge(curve.sizes, times, curve.work),
            ", ".join("-" if m is None else f"{m:.0f}" for m in large),
            judge(curve.sizes, large, curve.room),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
