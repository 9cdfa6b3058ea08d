"""Restricted Boltzmann machines and the deep belief network that stacks them (lesson 06)."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from mmcourse.inputs import check_tensor


class RBM(nn.Module):
    """Restricted Boltzmann machine of binary units (Smolensky 1986; Hinton 2002, contrastive divergence).

    p(v, h) is proportional to exp(v' W h + b' v + c' h). Visible values between 0 and 1 are taken as probabilities.

    Parameters
    ----------
    n_visible, n_hidden : number of units

    Attributes
    ----------
    weight (n_visible, n_hidden), visible_bias (n_visible,), hidden_bias (n_hidden,) : W, b, c
    """

    def __init__(self, n_visible, n_hidden):
        super().__init__()
        if n_visible < 1 or n_hidden < 1:
            raise ValueError(f"n_visible and n_hidden must be at least 1; got {n_visible} and {n_hidden}")
        self.weight = nn.Parameter(0.01 * torch.randn(n_visible, n_hidden))
        self.visible_bias = nn.Parameter(torch.zeros(n_visible))
        self.hidden_bias = nn.Parameter(torch.zeros(n_hidden))

    def forward(self, visible):
        """Probability that each hidden unit is on: (B, n_visible) in [0, 1] -> (B, n_hidden)."""
        check_tensor("visible", visible, (2,), len(self.visible_bias))
        return torch.sigmoid(visible @ self.weight + self.hidden_bias)

    def reconstruct(self, hidden):
        """Probability that each visible unit is on: (B, n_hidden) -> (B, n_visible)."""
        check_tensor("hidden", hidden, (2,), len(self.hidden_bias))
        return torch.sigmoid(hidden @ self.weight.T + self.visible_bias)

    def free_energy(self, visible):
        """F(v) = -log of the sum over h of exp(v' W h + b' v + c' h): (B, n_visible) -> (B,)."""
        check_tensor("visible", visible, (2,), len(self.visible_bias))
        return -visible @ self.visible_bias - functional.softplus(visible @ self.weight + self.hidden_bias).sum(1)

    @torch.no_grad()
    def sample(self, visible, steps=1, generator=None):
        """Run `steps` rounds of Gibbs sampling from `visible`: (B, n_visible) -> binary (B, n_visible)."""
        if steps < 1:
            raise ValueError(f"steps must be at least 1; got {steps}")
        for _ in range(steps):
            hidden = torch.bernoulli(self(visible), generator=generator)
            visible = torch.bernoulli(self.reconstruct(hidden), generator=generator)
        return visible

    def contrastive_divergence(self, visible, steps=1, generator=None):
        """Scalar whose gradient is CD-k's (Hinton 2002): mean F(data) - mean F(sample after k Gibbs steps).

        Its value is no measure of progress; look at the error of the reconstruction or at `free_energy` on held-out
        data.

        Parameters
        ----------
        visible : float tensor (B, n_visible) in [0, 1]
        steps : k, at least 1
        generator : torch.Generator on the tensor's device, or None
        """
        sample = self.sample(visible, steps, generator)
        return self.free_energy(visible).mean() - self.free_energy(sample).mean()

    def fit(self, visible, *, epochs=10, batch_size=64, lr=0.1, steps=1, seed=0):
        """Train by contrastive divergence with plain gradient descent.

        Parameters
        ----------
        visible : float tensor (n, n_visible) in [0, 1], on the machine's device
        epochs, batch_size, lr : passes over the data, items a step, learning rate
        steps : Gibbs steps for each update
        seed : of the shuffling and the sampling

        Returns
        -------
        list of float : mean squared error of the one-step reconstruction after each epoch

        Raises
        ------
        ValueError
            On a wrong shape, or values that are not in [0, 1] (NaN included).
        """
        check_tensor("visible", visible, (2,), len(self.visible_bias))
        if not ((visible >= 0) & (visible <= 1)).all():
            raise ValueError("visible must hold values from 0 to 1 only")
        optimiser = torch.optim.SGD(self.parameters(), lr=lr)
        generator = torch.Generator(visible.device).manual_seed(seed)
        errors = []
        for _ in range(epochs):
            order = torch.randperm(len(visible), generator=generator, device=visible.device)
            for rows in order.split(batch_size):
                optimiser.zero_grad()
                self.contrastive_divergence(visible[rows], steps, generator).backward()
                optimiser.step()
            with torch.no_grad():
                errors.append(float(functional.mse_loss(self.reconstruct(self(visible)), visible)))
        return errors


class DeepBeliefNetwork(nn.Module):
    """A stack of RBMs, each trained on the hidden probabilities of the one below (Hinton et al. 2006).

    Parameters
    ----------
    sizes : units of each layer, the visible one first, at least two
    """

    def __init__(self, sizes):
        super().__init__()
        if len(sizes) < 2:
            raise ValueError(f"sizes must name at least two layers; got {tuple(sizes)}")
        self.machines = nn.ModuleList(RBM(below, above) for below, above in pairwise(sizes))

    def forward(self, visible):
        """Hidden probabilities of the top layer: (B, sizes[0]) in [0, 1] -> (B, sizes[-1])."""
        for machine in self.machines:
            visible = machine(visible)
        return visible

    def reconstruct(self, hidden):
        """Mean-field pass from the top layer down: (B, sizes[-1]) -> (B, sizes[0])."""
        for machine in reversed(self.machines):
            hidden = machine.reconstruct(hidden)
        return hidden

    def fit(self, visible, **options):
        """Train greedily from the bottom; the options are those of `RBM.fit`.

        Returns
        -------
        list of lists of float : the errors of each machine after each epoch
        """
        errors = []
        for machine in self.machines:
            errors.append(machine.fit(visible, **options))
            with torch.no_grad():
                visible = machine(visible)
        return errors
