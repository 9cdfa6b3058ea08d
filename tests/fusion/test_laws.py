"""The laws of the house over every fusion block, of feature vectors and of sequences."""

import pytest
import torch
from torch.nn import functional

from mmcourse import fusion

DIMS = {"text": 5, "image": 4, "audio": 3}  # not in alphabetical order, on purpose
OUT, B, M, RANK = 6, 7, 3, 4
TOTAL = sum(DIMS.values())
PROJECT = TOTAL * OUT + M * OUT
COUNTS = {
    "ConcatFusion": TOTAL * OUT + OUT,
    "ProductFusion": PROJECT,
    "MaxFusion": PROJECT,
    "WeightedFusion": PROJECT + M,
    "GatedFusion": PROJECT + TOTAL * M * OUT + M * OUT,
    "FiLMFusion": (3 * OUT + OUT) + (4 + 5) * 2 * OUT + 2 * 2 * OUT + OUT,
    "BilinearFusion": TOTAL * OUT + OUT + (5 * 4 + 4 * 3 + 5 * 3) * OUT,
    "TensorFusion": 6 * 5 * 4 * OUT + OUT,
    "LowRankFusion": (6 + 5 + 4) * RANK * OUT + RANK + OUT,
    "AttentionFusion": PROJECT + OUT * OUT + OUT + OUT,
    "DeepSetFusion": PROJECT + OUT * OUT + OUT,
    "GraphFusion": PROJECT + OUT * OUT + OUT + OUT * OUT + M * M + OUT * OUT + OUT,
    "ProductOfExperts": 2 * PROJECT,
}
WIDTH, HEADS, REACH, TOKENS = 8, 2, 3, 2
INPUTS = TOTAL * WIDTH + M * WIDTH
LAYER = 4 * WIDTH * WIDTH + 3 * WIDTH + 4 * WIDTH + 8 * WIDTH * WIDTH + 5 * WIDTH
OPTIONS = {"width": WIDTH, "num_heads": HEADS}
SEQUENCE_COUNTS = {
    "CrossModalTransformer": INPUTS + 2 * 6 * (LAYER + HEADS * (2 * REACH + 1)) + 6 * WIDTH * OUT + OUT,
    "BottleneckTransformer": INPUTS + 2 * 3 * LAYER + TOKENS * WIDTH + 2 * WIDTH + WIDTH * OUT + OUT,
}
SEQUENCE_OPTIONS = {
    "CrossModalTransformer": OPTIONS | {"reach": REACH},
    "BottleneckTransformer": OPTIONS | {"bottleneck": TOKENS},
}
LENGTHS = {"text": 6, "image": 4, "audio": 9}


def make(name, seed=0):
    """Return a block with random weights, biases and scores included, in evaluation mode."""
    torch.manual_seed(seed)
    block = getattr(fusion, name)(DIMS, OUT, **SEQUENCE_OPTIONS.get(name, {}))
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return block.eval()


def batch(name):
    """Return features and present, or sequences and masks: each subset of the three modalities once, none included."""
    torch.manual_seed(1)
    bits = torch.arange(1, 8).bitwise_and(torch.tensor([[1], [2], [4]])) > 0
    bits[:, 0] = False
    present = {key: bits[i] for i, key in enumerate(DIMS)}
    present["text"][1] = True  # items that share a subset differ in their values
    if name in COUNTS:
        return {key: torch.randn(B, d) for key, d in DIMS.items()}, present
    sequences = {key: torch.randn(B, LENGTHS[key], d) for key, d in DIMS.items()}
    masks = {}
    for key, length in LENGTHS.items():
        kept = torch.arange(length) < torch.randint(1, length + 1, (B, 1))
        kept[3] = torch.arange(length) != 1  # a gap
        masks[key] = kept & present[key][:, None]
    return sequences, masks


def spoil(features, present):
    """Return the features with NaN wherever they are absent."""
    return {
        key: torch.where(present[key].reshape(present[key].shape + (1,) * (x.ndim - present[key].ndim)), x, torch.nan)
        for key, x in features.items()
    }


ALL = COUNTS | SEQUENCE_COUNTS
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")),
]


@pytest.fixture(params=list(ALL))
def name(request):
    return request.param


def close(a, b, tolerance=1e-5):
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


def pad(sequences, masks, extra=3):
    """Append steps of NaN that the masks leave out."""
    longer = {key: functional.pad(x, (0, 0, 0, extra), value=torch.nan) for key, x in sequences.items()}
    return longer, {key: functional.pad(mask, (0, extra)) for key, mask in masks.items()}


def gradients(block, *arguments):
    block.zero_grad()
    (block(*arguments) * torch.linspace(-1, 1, OUT)).sum().backward()
    return [p.grad.clone() for p in block.parameters()]


def test_the_cases_name_every_block():
    others = {"ModalityDropout", "balance_factors", "scale_gradient"}
    assert {n for n in fusion.__all__ if not n.endswith("_decisions")} - others == set(ALL)


def test_parameters_are_counted_and_saved(name):
    block = make(name)
    assert sum(p.numel() for p in block.parameters()) == ALL[name]
    assert set(block.state_dict()) == {key for key, _ in block.named_parameters()}
    other = make(name, seed=5)
    features, present = batch(name)
    assert (other(features, present) - block(features, present)).abs().max() > 1e-3
    other.load_state_dict(block.state_dict())
    assert torch.equal(other(features, present), block(features, present))
    assert [key for key, value in vars(block).items() if isinstance(value, (list, tuple)) and _tensors(value)] == []


def _tensors(values):
    return any(isinstance(value, torch.Tensor) for value in values)


def test_every_parameter_learns(name):
    block = make(name).train()
    for (key, p), gradient in zip(block.named_parameters(), gradients(block, *batch(name)), strict=True):
        assert 1e-7 < gradient.abs().sum() < torch.inf, key
        # every modality's share of a stacked parameter learns, not just one
        if p.ndim > 1 and key.startswith("layers"):
            assert (gradient.flatten(1).abs().sum(1) > 1e-9).all(), key
    before = {key: p.detach().clone() for key, p in block.named_parameters()}
    torch.optim.SGD(block.parameters(), lr=1.0).step()
    assert all((p != before[key]).any() for key, p in block.named_parameters())


def test_absent_rows_may_hold_anything(name):
    block, (features, present) = make(name), batch(name)
    close(block(features, present), block(spoil(features, present), present))
    clean, spoiled = gradients(block, features, present), gradients(block, spoil(features, present), present)
    for a, b in zip(clean, spoiled, strict=True):
        close(a, b)


def test_what_is_present_matters(name):
    block, (features, present) = make(name), batch(name)
    expected = block(features, present)
    for key in DIMS:
        changed = block(features | {key: features[key] + 1}, present)
        here = present[key] if present[key].ndim == 1 else present[key].any(1)
        moved = (changed - expected).abs().amax(1) > 1e-6
        assert torch.equal(moved, here), key


def test_everything_absent_is_finite_and_the_same_for_all(name):
    block, (features, present) = make(name), batch(name)
    nothing = {key: torch.zeros_like(mask) for key, mask in present.items()}
    out = block(spoil(features, nothing), nothing)
    assert out.isfinite().all()
    assert (out == out[:1]).all()


def test_items_do_not_mix(name):
    block, (features, present) = make(name), batch(name)
    out = block(features, present)
    for i in range(B):
        alone = block({k: x[i : i + 1] for k, x in features.items()}, {k: m[i : i + 1] for k, m in present.items()})
        close(alone[0], out[i])
    order = torch.randperm(B)
    close(block({k: x[order] for k, x in features.items()}, {k: m[order] for k, m in present.items()}), out[order])


def test_order_of_keys_and_default_presence(name):
    block, (features, present) = make(name), batch(name)
    turned = dict(reversed(features.items())), dict(reversed(present.items()))
    assert torch.equal(block(*turned), block(features, present))
    torch.manual_seed(0)
    options = SEQUENCE_OPTIONS.get(name, {})
    swapped = getattr(fusion, name)(dict(reversed(DIMS.items())), OUT, **options)
    torch.manual_seed(0)
    assert torch.equal(swapped(features), getattr(fusion, name)(DIMS, OUT, **options)(features))
    everything = {key: torch.ones_like(mask) for key, mask in present.items()}
    assert torch.equal(block(features), block(features, everything))


def test_bfloat16(name):
    block, (features, present) = make(name), batch(name)
    with torch.autocast("cpu", torch.bfloat16):
        half = block(spoil(features, present), present)
    assert half.isfinite().all()
    expected = block(features, present)
    assert ((half.float() - expected).abs() <= 2e-2 * expected.abs().amax().clamp(min=1)).all()


@pytest.mark.parametrize("name", SEQUENCE_COUNTS)
def test_padding_changes_nothing(name):
    block, (sequences, masks) = make(name), batch(name)
    close(block(*pad(sequences, masks)), block(sequences, masks))
    for a, b in zip(gradients(block, *pad(sequences, masks)), gradients(block, sequences, masks), strict=True):
        close(a, b)
    with torch.autocast("cpu", torch.bfloat16):
        close(block(*pad(sequences, masks)).float(), block(sequences, masks).float(), 2e-2)


def test_double_precision_gradients_are_right(name):
    block, (features, present) = make(name).double(), batch(name)
    features = {key: x[4:7].double().requires_grad_() for key, x in features.items()}
    present = {key: mask[4:7] for key, mask in present.items()}
    if name == "MaxFusion":  # has kinks where two modalities tie
        features = {key: x.detach().mul(3).requires_grad_() for key, x in features.items()}

    def run(*tensors):
        return block(dict(zip(features, tensors, strict=True)), present)

    assert torch.autograd.gradcheck(run, tuple(features.values()))


@pytest.mark.parametrize("device", DEVICES)
def test_devices_agree(name, device):
    block, (features, present) = make(name), batch(name)
    expected = block(features, present)
    block, features = block.to(device), {k: x.to(device) for k, x in features.items()}
    present = {k: m.to(device) for k, m in present.items()}
    close(block(features, present).cpu(), expected, 1e-4)
    with torch.autocast(device, torch.bfloat16):
        assert block(spoil(features, present), present).isfinite().all()


def test_bad_input_is_one_clear_error(name):
    block, (features, present) = make(name), batch(name)
    word = "sequences" if name in SEQUENCE_COUNTS else "features"
    wrong = features["text"]
    cases = [
        ({k: x for k, x in features.items() if k != "text"}, None, word),
        (features | {"smell": wrong}, None, word),
        (features | {"text": wrong[..., :-1]}, None, "text.*5 numbers"),
        (features | {"text": wrong[0]}, None, "text.*axes"),
        (features | {"text": wrong.long()}, None, "text.*floating"),
        (features | {"text": wrong.double()}, None, "text.*dtype"),
        (features | {"text": wrong[:-1]}, None, "one row for each item"),
        ({k: x[:0] for k, x in features.items()}, None, "empty"),
        (features, {k: m for k, m in present.items() if k != "text"}, "keys"),
        (features, present | {"text": present["text"].float()}, "text.*bool"),
        (features, present | {"text": present["text"][:-1]}, "text.*bool tensor of shape"),
        ("abc", None, word),
    ]
    for given, mask, message in cases:
        with pytest.raises(ValueError, match=message):
            block(given, mask)
    for dims, out in (({}, 3), ({"a": 0, "b": 1}, 3), ({"a": 1, "b": 2.0}, 3), ([3, 4], 3), ({"a": 1, "b": 2}, 0)):
        with pytest.raises(ValueError, match=r"dims|width"):
            getattr(fusion, name)(dims, out)
