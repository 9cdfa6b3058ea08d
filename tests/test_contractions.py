"""What each block must not do again: operations and the largest tensors are counted here, not seconds."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from mmcourse import alignment, fusion, representation
from mmcourse.alignment import kernels
from mmcourse.translation import beam_search
from mmcourse.translation.captions import CaptionModel


class Watch(TorchDispatchMode):
    """Counts torch's operations, those with an input or output of `shape` apart, and keeps the largest output."""

    def __init__(self, shape=()):
        super().__init__()
        self.shape, self.calls, self.of_shape, self.largest = torch.Size(shape), Counter(), Counter(), 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        outputs = [x for x in (found if isinstance(found, (tuple, list)) else [found]) if isinstance(x, torch.Tensor)]
        name = function.overloadpacket.__name__
        self.calls[name] += 1
        self.of_shape[name] += any(x.shape == self.shape for x in [*outputs, *args] if isinstance(x, torch.Tensor))
        self.largest = max([self.largest, *(x.untyped_storage().nbytes() // x.element_size() for x in outputs)])
        return found


class Calls(TorchFunctionMode):
    """Counts calls of some of torch's functions and keeps the shapes of their first arguments."""

    def __init__(self, *functions):
        super().__init__()
        self.functions, self.shapes = functions, []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in self.functions:
            self.shapes.append(tuple(args[0].shape))
        return function(*args, **(kwargs or {}))


def backward(value):
    value.square().sum().backward()


def test_tensor_fusion_never_makes_the_full_product():
    inputs = {name: torch.randn(64, 8) for name in "abc"}
    block = fusion.TensorFusion(dict.fromkeys(inputs, 8), 4)
    with Watch() as watch:
        backward(block(inputs))
    assert watch.largest == 64 * 9**2  # of two modalities; all three would be 64 * 9**3


def test_low_rank_fusion_takes_one_matrix_product_a_modality():
    for count in (2, 4):
        inputs = {name: torch.randn(64, 8) for name in "abcd"[:count]}
        block = fusion.LowRankFusion(dict.fromkeys(inputs, 8), 4, rank=5)
        with Watch() as watch:
            block(inputs)
        assert watch.calls["mm"] == count
        assert watch.calls["bmm"] == 1  # the weighted sum over the rank
        assert watch.largest == 64 * 5 * 4


@pytest.mark.parametrize("count", [2, 4])
def test_cross_modal_pairs_are_computed_as_one(count):
    inputs = {name: torch.randn(2, 5, 8) for name in "abcd"[:count]}
    block = fusion.CrossModalTransformer(dict.fromkeys(inputs, 8), 1, width=8, num_layers=3, num_heads=2)
    with Calls(torch.softmax, torch.Tensor.softmax, functional.scaled_dot_product_attention) as attention:
        with Watch() as watch:
            block(inputs)
    pairs = count * (count - 1)
    assert attention.shapes == [(pairs, 2, 2, 5, 5)] * 3  # one a layer, all pairs in it
    assert watch.calls["baddbmm"] == 5 * 3  # query, value, output, and two that widen and narrow


def test_cross_modal_attention_copies_no_bias_and_asks_no_mask_when_all_is_kept():
    inputs = {name: torch.randn(2, 5, 8) for name in "abc"}
    block = fusion.CrossModalTransformer(dict.fromkeys(inputs, 8), 1, width=8, num_layers=1, num_heads=2)
    with Watch((6, 2, 2, 5, 5)) as watch:
        block(inputs)
    assert {name for name, number in watch.of_shape.items() if number} <= {
        "add", "_softmax", "_unsafe_view", "view", "expand", "detach",
    }  # fmt: skip


@pytest.mark.parametrize(("loss", "numbers"), [(alignment.info_nce, (2.0,)), (alignment.siglip_loss, (2.0, -3.0))])
def test_contrastive_losses_multiply_the_matrix_out_once(loss, numbers):
    n, width = 32, 24
    a, b = (torch.randn(n, width, requires_grad=True) for _ in range(2))
    with FlopCounterMode(display=False) as flops:
        loss(a, b, *numbers).backward()
    assert flops.get_total_flops() == 3 * 2 * n * n * width  # forward, and once for the gradient of each side
    with Watch((n, n)) as watch:
        loss(a, b, *numbers).backward()
    assert watch.calls["mm"] == 3
    assert sum(watch.of_shape.values()) <= 16
    with Watch((n, n)) as watch, torch.no_grad():
        loss(a, b, *numbers)
    assert sum(watch.of_shape.values()) <= 4  # no copy of it, no matrix of labels


def test_sinkhorn_takes_full_exponentials_once():
    cost, weights = torch.rand(30, 40), (torch.full((n,), 1 / n) for n in (30, 40))
    with Watch((30, 40)) as watch:
        alignment.sinkhorn(cost, *weights, 0.05, max_iter=50, tol=0)
    assert watch.of_shape["exp"] == 1
    assert watch.of_shape["logsumexp"] == 0  # no scale left its range


def test_deep_cca_loss_and_kernel_cca_decompose_no_more_than_they_need():
    a, b = (torch.randn(40, 5) for _ in range(2))
    functions = (torch.linalg.svdvals, torch.linalg.cholesky, torch.linalg.eigh, torch.linalg.svd)
    with Calls(*functions) as calls:
        representation.deep_cca_loss(a, b)
    assert calls.shapes == [(5, 5)] * 3
    with Calls(*functions) as calls:
        representation.KernelCCA(2).fit(a, b)
    assert max(calls.shapes) <= (40, 40)  # one eigenproblem a view instead of one of twice the size
    assert len(calls.shapes) == 3


@pytest.mark.parametrize("name", ["dtw_sweep", "soft_dtw_sweep", "viterbi", "forward", "backward", "ctc_sweep"])
def test_recursions_run_compiled_one_call_a_sequence(name, monkeypatch):
    kernel, calls = getattr(kernels, name), []
    assert kernel.nopython_signatures or kernel.targetoptions["nopython"]
    monkeypatch.setattr(kernels, name, lambda *arguments: calls.append(name) or kernel(*arguments))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 3, 6, 2))
    model = alignment.GaussianHMM(2, max_iter=1).fit(list(x))
    calls.clear()
    if name == "dtw_sweep":
        [alignment.dtw(a, b) for a, b in zip(x, y, strict=True)]
    elif name == "soft_dtw_sweep":
        alignment.soft_dtw(*(torch.tensor(z, requires_grad=True) for z in (x, y))).sum().backward()
    elif name == "viterbi":
        model.decode(list(x))
    elif name == "ctc_sweep":
        alignment.ctc_beam_decode(torch.randn(6, 3, 4).log_softmax(2))
    else:
        model.posteriors(list(x))
    assert len(calls) == 3


def test_beam_search_reads_one_token_at_a_time_and_a_cache_makes_it_cheap():
    torch.manual_seed(0)
    model = CaptionModel(30, 6, 16, join="transformer").eval()
    regions, seen = torch.randn(2, 4, 6), []

    def step(tokens, state):
        seen.append(tuple(tokens.shape))
        return model.step(tokens, state)

    with torch.no_grad(), FlopCounterMode(display=False) as whole:
        model(regions.repeat_interleave(3, 0), torch.zeros(6, 20, dtype=torch.long))
    with Watch() as watch, FlopCounterMode(display=False) as cached:
        beam_search(step, model.start(regions), bos=0, eos=1, beam=3, max_len=20, alpha=1.0)
    assert seen == [(6,)] * len(seen)
    assert 10 < len(seen) <= 20
    assert watch.calls["topk"] == 2 * len(seen)
    assert cached.get_total_flops() < 1.5 * whole.get_total_flops()  # without a cache ten times as many
