"""Claims: what a lesson says is true, with the numbers that show it."""

import re
from dataclasses import dataclass

import numpy as np

from mmcourse.metrics import Interval, interval
from mmcourse.session import profile, strict

LOG = []


class ClaimFailed(AssertionError):
    """A claim does not hold (raised in strict mode under the profile quick only)."""


@dataclass(frozen=True)
class Claim:
    """One printed claim: its id and text, the interval, how many runs it is over (None: bootstrap), and the verdict."""

    id: str
    text: str
    interval: Interval
    runs: int | None
    holds: bool
    line: str


def claim(id, text, values, *, margin=0.0, within=None, unit=""):
    """Print whether a claim holds, with its estimate and 95 % interval, and record it in `LOG`.

    Parameters
    ----------
    id : str
        Lesson and number, such as "01.1".
    text : str
        The claim in words.
    values : array_like, shape (n,), or Interval
        One number a run, n >= 5: how much better, as a paired difference. Or an interval from `bootstrap_interval`.
    margin : float
        The claim holds when the estimate is at least `margin` and the interval lies above ``min(margin, 0)``.
    within : float, optional
        Instead of `margin`, for "no difference": the claim holds when the estimate lies in ±`within` and the interval in
        ±2 `within`.
    unit : str
        Printed after the numbers.

    Raises
    ------
    ValueError
        When the values cannot support any claim: fewer than five, NaN or infinity, or (but for the tiny runs of the
        profile smoke) all the same.
    ClaimFailed
        When the claim does not hold, in strict mode under the profile quick.
    """
    _check_request(id, text, margin, within)
    found, runs = _estimate(id, values)
    if within is None:
        floor = min(margin, 0)
        holds = found.estimate >= margin and found.low > floor
        needed = (f"at least {margin:+g}, " if margin > 0 else "") + f"interval above {floor:g}"
    else:
        holds = abs(found.estimate) <= within and -2 * within <= found.low and found.high <= 2 * within
        needed = f"between {-within:g} and {within:+g}, interval between {-2 * within:g} and {2 * within:+g}"
    over = "by bootstrap" if runs is None else f"over {runs} runs"
    verdict = "holds" if holds else "does not hold"
    line = f"claim {id} {verdict}: {text}: {found:+}{f' {unit}' if unit else ''} {over}; needed: {needed}"
    print(line)
    LOG.append(Claim(id, text, found, runs, bool(holds), line))
    if not holds and strict() and profile() == "quick":
        raise ClaimFailed(line)


def _check_request(id, text, margin, within):
    if not re.fullmatch(r"\d\d\.\d+", id):
        raise ValueError(f"a claim's id is lesson and number, such as '01.1', got {id!r}")
    if not text.strip():
        raise ValueError(f"claim {id} has no text")
    if within is not None and margin != 0:
        raise ValueError(f"claim {id} gives margin and within; give one")
    if not np.isfinite(margin) or (within is not None and not 0 < within < np.inf):
        raise ValueError(f"claim {id} needs a finite margin, or a finite within above 0")


def _estimate(id, values):
    """Return the interval and the number of runs; refuse what cannot support a claim."""
    if isinstance(values, Interval):
        found, runs = values, None
        if not np.isfinite([found.estimate, found.low, found.high]).all():
            raise ValueError(f"claim {id}: the interval is not finite: {found!r}")
    else:
        values = np.asarray(values)
        if values.ndim != 1 or len(values) < 5:
            raise ValueError(f"claim {id} needs at least five values, one a run, got shape {values.shape}")
        found, runs = interval(values), len(values)
    if found.high - found.low <= 1e-9 * abs(found.estimate) and profile() != "smoke":
        raise ValueError(
            f"claim {id}: all values are {found.estimate:g}, so nothing was measured; does the seed reach the experiment?"
        )
    return found, runs
