"""Race a block against the libraries that have it too: same input, same process, in turns, and only if results agree.

A case is a function ``make(device, **sizes) -> (ours, peers)``, registered by `case`: it makes the input once, gives
`Run`s that make no input of their own, and imports nothing of a peer until that peer's factory is called.
"""

import contextlib
import ctypes
import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

TIE = 1.25  # ratios nearer to 1 than this are called ties
THREADS = 2
CASES = {}


@dataclass(frozen=True)
class Run:
    """One way to do it: `call()` is timed, `read(its result)` is compared; `module`, if any, has the parameters."""

    call: Callable[[], object]
    read: Callable[[object], object] = lambda result: result
    module: torch.nn.Module | None = None

    @property
    def parameters(self):
        """How many numbers are learned; None without a module."""
        return None if self.module is None else sum(p.numel() for p in self.module.parameters())


@dataclass(frozen=True)
class Case:
    """A block, the size it is measured at, and the ratio of times (ours / best peer's) that it should reach."""

    name: str
    shape: str
    target: float
    make: Callable
    rtol: float
    atol: float
    remark: str = ""  # what a reader of the table must know
    threads: int = THREADS
    devices: tuple[str, ...] = ("cpu",)


@dataclass
class Row:
    """One peer beside ours; `note` says why there are no figures. Times in ms, memory in MB, as (ours, peer's)."""

    case: Case
    peer: str
    note: str = ""
    times: tuple[float, float] | None = None
    ratios: list[float] = field(default_factory=list)
    memory: tuple[float | None, float | None] = (None, None)
    parameters: tuple[int | None, int | None] = (None, None)

    @property
    def ratio(self):
        """Median of the paired ratios."""
        return statistics.median(self.ratios)

    @property
    def spread(self):
        """Quartiles of the paired ratios."""
        return tuple(np.quantile(self.ratios, (0.25, 0.75)))


def case(name, shape, target, *, rtol, atol, **options):
    """Register the function below as the case `name`; rtol, atol: the tolerance of the block's own tests."""

    def register(make):
        CASES[name] = Case(name, shape, target, make, rtol, atol, **options)
        return make

    return register


def with_gradients(loss, inputs):
    """A `Run` that computes a loss and its gradients by the inputs."""

    def call():
        value = loss()
        return [value.detach(), *torch.autograd.grad(value.sum(), inputs)]

    return Run(call)


# --- agreement -------------------------------------------------------------------------------------------------------


def flat(result):
    """Yield every number of a result of tensors, arrays, numbers, strings, dicts and lists, as float64 arrays."""
    if isinstance(result, torch.Tensor):
        yield result.detach().double().cpu().numpy()
    elif isinstance(result, (list, tuple)) and any(
        isinstance(x, (list, tuple, torch.Tensor, np.ndarray)) for x in result
    ):
        for part in result:
            yield from flat(part)
    else:
        yield np.asarray(result, dtype=np.float64)


def difference(ours, theirs, *, rtol, atol):
    """Say in a few words how two results differ; "" when they agree."""
    ours, theirs = list(flat(ours)), list(flat(theirs))
    if [x.shape for x in ours] != [x.shape for x in theirs]:
        return "shapes differ"
    for a, b in zip(ours, theirs, strict=True):
        if not np.allclose(a, b, rtol=rtol, atol=atol):
            return f"values differ by up to {np.abs(a - b).max():.1g}"
    return ""


# --- time and memory -------------------------------------------------------------------------------------------------


def milliseconds(call, device="cpu"):
    """Time of one call: by CUDA's events on a card, by the clock elsewhere."""
    if device == "cuda":
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end)
    began = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - began)


def in_turns(ours, theirs, device="cpu", *, seconds=4.0, least=3, most=101):
    """Times (rounds, 2) in ms of two calls in turns, the first one changing, after a round that does not count."""
    pairs, calls, until = [], (ours, theirs), float("inf")
    while len(pairs) <= least or (time.perf_counter() < until and len(pairs) <= most):
        times = {side: milliseconds(calls[side], device) for side in ((0, 1) if len(pairs) % 2 else (1, 0))}
        pairs.append((times[0], times[1]))
        if len(pairs) == 1:
            until = time.perf_counter() + seconds
    return np.array(pairs[1:])


def peak_memory(call, device="cpu"):
    """Most memory in MB that one call holds beyond what was held before; None where the system does not tell.

    On the CPU it is the high-water mark of the process, which counts every library's memory alike.
    """
    gc.collect()
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        with open("/proc/self/clear_refs", "w") as reset:
            reset.write("5")
        before = resident("VmRSS")
        call()
        return max(0.0, resident("VmHWM") - before)
    except (OSError, AttributeError):
        return None


def resident(name):
    """Read one line of the process's status, in MB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) * 1024 / 1e6


@contextlib.contextmanager
def limited(threads):
    """So many threads for torch, numba and every BLAS."""
    import numba
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(threads)
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    with threadpool_limits(threads):
        yield
    torch.set_num_threads(before[0])
    numba.set_num_threads(before[1])


# --- the race --------------------------------------------------------------------------------------------------------


def race(case, device="cpu", *, seconds=4.0):
    """Race one case: a `Row` for each peer. `seconds`: time for each peer, beside the warm-up and at least three rounds."""
    with limited(case.threads):
        ours, peers = case.make(device)
        return [against(case, ours, name, factory, device, seconds) for name, factory in peers.items()]


def against(case, ours, name, factory, device, seconds):
    """Race ours against one peer."""
    row = Row(case, name)
    mine = ours.read(ours.call())
    try:
        peer = factory()
        found = difference(mine, peer.read(peer.call()), rtol=case.rtol, atol=case.atol)
    except ImportError:
        row.note = "not installed"
        return row
    except Exception as error:  # a library may break in any way; the others still race
        row.note = f"fails, does not count: {type(error).__name__}"
        return row
    row.parameters = ours.parameters, peer.parameters
    if found:
        row.note = f"differs, does not count: {found}"
        return row
    times = in_turns(ours.call, peer.call, device, seconds=seconds)
    row.times = tuple(np.median(times, 0))
    row.ratios = (times[:, 0] / times[:, 1]).tolist()
    row.memory = peak_memory(ours.call, device), peak_memory(peer.call, device)
    return row


def best_of(rows):
    """The row of the fastest peer whose results agree, or None."""
    return max((row for row in rows if row.ratios), key=lambda row: row.ratio, default=None)


def verdict(row):
    """Target met or missed, and whether the two are a tie."""
    reached = "met" if row.ratio <= row.case.target else "missed"
    return f"{reached}, a tie" if 1 / TIE <= row.ratio <= TIE else reached
