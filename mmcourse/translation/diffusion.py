"""Diffusion by flow matching, with conditions and classifier-free guidance (lesson 15)."""

from itertools import pairwise

import torch
from torch import nn

from mmcourse.inputs import check_tensor


class Diffusion(nn.Module):
    """Turn noise into data along straight lines: ``x_t = (1 - t) x_0 + t noise`` for t from 0 (data) to 1 (noise).

    The network learns the velocity ``noise - x_0`` of the lines through ``x_t``. From it follow the expected data
    ``x_t - t v``, the expected noise ``x_t + (1 - t) v`` and the score ``-(x_t + (1 - t) v) / t``.

    Parameters
    ----------
    network : nn.Module
        ``network(x, t, condition) -> velocity`` for x (B, ...), t (B,) and a dict of (B, width), all names filled in.
    dims : dict of str to int
        Names and widths of the conditions; may be empty.
    drop : float or dict of str to float
        How often `loss` hides each condition of an item, so that the model also learns to do without.

    References
    ----------
    Y. Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023; P. Esser et al., "Scaling Rectified Flow
    Transformers", ICML 2024 (times); J. Ho and T. Salimans, "Classifier-Free Diffusion Guidance", 2022.
    """

    def __init__(self, network, dims, *, drop=0.1):
        super().__init__()
        drop = dict(drop) if isinstance(drop, dict) else dict.fromkeys(dims, drop)
        if drop.keys() != dims.keys() or not all(0 <= share < 1 for share in drop.values()):
            raise ValueError(f"drop must be a share in [0, 1), one for each of {sorted(dims)}; got {drop}")
        self.network, self.dims, self.drop = network, dict(dims), drop
        self.null = nn.ParameterDict({name: nn.Parameter(torch.zeros(width)) for name, width in dims.items()})

    def mix(self, x, noise, t):
        """Put data `x` and `noise`, both (B, ...), at times `t` (B,): what q(x_t | x_0) draws."""
        t = _like(t, x)
        return (1 - t) * x + t * noise

    def loss(self, x, condition, generator=None):
        """Return the mean squared error of the velocity, a scalar, on data `x` (B, ...) at random times.

        The times are logistic functions of normal numbers: mostly in the middle, where there is most to learn.
        """
        _check(x)
        t = torch.randn(len(x), generator=generator).sigmoid().to(x)
        noise = torch.randn(x.shape, generator=generator).to(x)
        shown = {
            name: torch.rand(len(x), generator=generator).to(x.device) >= share for name, share in self.drop.items()
        }
        velocity = self.network(self.mix(x, noise, t), t, self._fill(condition, x, shown))
        return (velocity.float() - (noise - x).float()).square().mean()

    def velocity(self, x, t, condition, guidance=1.0):
        """Return ``v_none + guidance (v_condition - v_none)``, shape of `x` (B, ...), at times `t` (B,).

        A condition that is left out of the dict is absent; ``v_none`` has none. Guidance 0 ignores the conditions, 1
        obeys them, more exaggerates them.
        """
        _check(x, t)
        given = self._fill(condition, x)
        if guidance == 1:
            return self.network(x, t, given).to(x.dtype)
        none = self._fill({}, x)
        both = {name: torch.cat([none[name], given[name]]) for name in self.dims}
        without, with_ = self.network(torch.cat([x, x]), torch.cat([t, t]), both).to(x.dtype).chunk(2)
        return without + guidance * (with_ - without)

    def expected(self, x, t, condition, guidance=1.0):
        """Return the data expected from `x` (B, ...) at times `t` (B,)."""
        return x - _like(t, x) * self.velocity(x, t, condition, guidance)

    def score(self, x, t, condition, guidance=1.0):
        """Return the gradient of the log density of `x` (B, ...) at times `t` (B,) > 0."""
        time = _like(t, x)
        return -(x + (1 - time) * self.velocity(x, t, condition, guidance)) / time

    @torch.no_grad()
    def sample(self, shape, condition, *, steps=25, guidance=1.0, heun=False, generator=None, path=False):
        """Draw data of a shape (B, ...) from noise in equal steps of Euler, or Heun (two velocities a step).

        Parameters
        ----------
        shape : tuple of int
        condition : dict of str to torch.Tensor
            (B, width) each; those left out are absent.
        steps : int
        guidance : float
        heun : bool
        generator : torch.Generator, optional
            Of the CPU: the same seed draws the same noise on every device.
        path : bool
            Also return the expected data at each step, (steps, B, ...).

        Returns
        -------
        torch.Tensor of that shape, or a pair

        Raises
        ------
        ValueError
            ``steps`` under 1, an empty shape, or a condition of another name or shape.
        """
        if steps < 1 or not shape or min(shape) < 1:
            raise ValueError(f"expected steps >= 1 and a filled shape; got steps={steps} and shape {tuple(shape)}")
        like = next(iter([*self.parameters(), *condition.values()]), torch.zeros(()))
        x, seen = torch.randn(shape, generator=generator).to(like), []
        times = torch.linspace(1, 0, steps + 1).tolist()
        for now, later in pairwise(times):
            velocity = self.velocity(x, x.new_full(shape[:1], now), condition, guidance)
            seen.append(x - now * velocity)
            ahead = x + (later - now) * velocity
            if heun and later > 0:
                velocity = (velocity + self.velocity(ahead, x.new_full(shape[:1], later), condition, guidance)) / 2
            x = x + (later - now) * velocity
        return (x, torch.stack(seen)) if path else x

    def _fill(self, condition, x, shown=None):
        """Complete the dict of conditions: the learned null vector where one is absent or not `shown`."""
        if unknown := set(condition) - set(self.dims):
            raise ValueError(f"condition must have some of the keys {sorted(self.dims)}; got {sorted(unknown)}")
        filled = {}
        for name, width in self.dims.items():
            null = self.null[name].expand(len(x), width)
            if name in condition:
                given = condition[name]
                check_tensor(f"condition[{name!r}]", given, (2,), width)
                if len(given) != len(x):
                    raise ValueError(
                        f"condition[{name!r}] must have one row for each of {len(x)} items; got {len(given)}"
                    )
                null = given if shown is None else torch.where(shown[name][:, None], given, null)
            filled[name] = null
        return filled


def _like(t, x):
    """Shape times (B,) so that they multiply `x` (B, ...)."""
    return t.view(-1, *[1] * (x.ndim - 1))


def _check(x, t=None):
    check_tensor("x", x, range(1, 9))
    if t is not None:
        check_tensor("t", t, (1,))
        if len(t) != len(x):
            raise ValueError(f"t must hold one time for each of {len(x)} items; got {len(t)}")
