"""What several lessons' checks need to ask of torch tensors."""

import torch

from mmcourse.check.engine import require


def randn(*shape, seed):
    """Draw normal numbers in float64, the same ones for the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def need_tensor(answer, shape, what):
    """Raise a `Mistake` unless the answer is a tensor of that shape; the message calls it `what`."""
    require(isinstance(answer, torch.Tensor), f"return a torch tensor, not {type(answer).__name__}")
    require(tuple(answer.shape) == shape, f"{what} should have shape {shape}, it has {tuple(answer.shape)}")
