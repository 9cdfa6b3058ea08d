"""The projector is scikit-learn's ridge regression, with holes in the pairs."""

import pytest
import torch
from sklearn.linear_model import Ridge

from mmcourse.colearning import CrossModalProjector


def pairs(seed=0, rows=30):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 5, generator=generator) + 2
    return x, x @ torch.randn(5, 3, generator=generator) + torch.randn(rows, 3, generator=generator) - 1


@pytest.mark.parametrize("strength", [0.01, 1.0, 300.0])
def test_is_ridge(strength):
    x, y = pairs()
    ours, theirs = CrossModalProjector(5, 3, strength).fit(x, y), Ridge(strength).fit(x.numpy(), y.numpy())
    new, _ = pairs(1, 4)
    torch.testing.assert_close(ours(new), torch.tensor(theirs.predict(new.numpy())), atol=1e-4, rtol=1e-4)


def test_more_features_than_pairs():
    x = torch.randn(4, 9, generator=torch.Generator().manual_seed(0))
    y = x[:, :2] - 1
    expected = Ridge(0.5).fit(x.numpy(), y.numpy()).predict(x.numpy())
    torch.testing.assert_close(
        CrossModalProjector(9, 2, 0.5).fit(x, y)(x), torch.tensor(expected), atol=1e-4, rtol=1e-4
    )


def test_absent_pairs_may_hold_anything():
    x, y = pairs()
    present = torch.arange(30) % 3 > 0
    expected = CrossModalProjector(5, 3).fit(x[present], y[present]).weight
    x[0], y[3] = torch.nan, torch.inf
    torch.testing.assert_close(CrossModalProjector(5, 3).fit(x, y, present).weight, expected)


def test_travels_in_the_state_dict_and_passes_gradients():
    x, y = pairs()
    fitted, fresh = CrossModalProjector(5, 3).fit(x, y), CrossModalProjector(5, 3)
    assert sum(value.numel() for value in fitted.state_dict().values()) == 5 * 3 + 5 + 3
    fresh.load_state_dict(fitted.state_dict())
    x.requires_grad_()
    assert torch.equal(fresh(x), fitted(x))
    fresh(x).sum().backward()
    torch.testing.assert_close(x.grad[0], fitted.weight.sum(1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CrossModalProjector(0, 3), "in_dim"),
        (lambda: CrossModalProjector(3, 3, 0), "strength"),
        (lambda: CrossModalProjector(5, 3).fit(torch.zeros(2, 4), torch.zeros(2, 3)), "source"),
        (lambda: CrossModalProjector(5, 3).fit(torch.zeros(2, 5), torch.zeros(3, 3)), "one row for each pair"),
        (
            lambda: CrossModalProjector(5, 3).fit(torch.zeros(2, 5), torch.zeros(2, 3), torch.zeros(2).bool()),
            "one pair",
        ),
        (lambda: CrossModalProjector(5, 3)(torch.zeros(2, 4)), "source"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
