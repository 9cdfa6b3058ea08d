"""The blocks that lesson 10 builds equal the package's."""

import pytest
import torch

from mmcourse import fusion
from tools.lesson import lift


@pytest.mark.parametrize("absent", [0.0, 0.5, 1.0])
def test_weighted_fusion(absent):
    dims = {"title": 5, "poster": 3, "genres": 2}
    ours, theirs = lift("10", "WeightedFusion")(dims, 4), fusion.WeightedFusion(dims, 4)
    torch.nn.init.normal_(ours.scores)
    theirs.load_state_dict(ours.state_dict())
    present = {name: torch.rand(6) >= absent for name in dims}
    features = {n: torch.where(present[n][:, None], torch.randn(6, d), torch.nan) for n, d in dims.items()}
    torch.testing.assert_close(ours(features, present), theirs(features, present))
    for block in (ours, theirs):
        block(features, present).square().sum().backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


def test_product_of_experts():
    dims = {"title": 5, "poster": 3, "genres": 2}
    block, present = fusion.ProductOfExperts(dims, 4), {name: torch.rand(8) > 0.5 for name in dims}
    features = {name: torch.randn(8, d) for name, d in dims.items()}
    opinions = torch.stack([block.project[name](features[name]) for name in block.dims])
    here = torch.stack([present[name] for name in block.dims])
    ours = lift("10", "product_of_experts")(*opinions.chunk(2, -1), here)
    torch.testing.assert_close(ours, block(features, present))


def test_modality_dropout_draws_alike():
    """Over many items every subset of what is present is as frequent as with the package's."""
    here = torch.tensor([[True], [True], [False], [True]]).expand(4, 40_000)
    ours = lift("10", "drop_modalities")(here, 0.35)
    features = {str(m): torch.ones(40_000, 1) for m in range(4)}
    theirs = fusion.ModalityDropout(0.35)(features, {str(m): here[m] for m in range(4)})[1]
    codes = [2 ** torch.arange(4) @ x.long() for x in (ours, torch.stack([theirs[str(m)] for m in range(4)]))]
    shares = [torch.bincount(code, minlength=16) / 40_000 for code in codes]
    torch.testing.assert_close(*shares, atol=0.015, rtol=0)
    assert shares[0][0] == 0


@pytest.mark.parametrize("alpha", [0, 0.5, 3])
def test_balance(alpha):
    scores = {name: value.item() for name, value in zip("abcd", torch.rand(4) + 0.1, strict=True)}
    assert lift("10", "balance")(scores, alpha) == pytest.approx(fusion.balance_factors(scores, alpha), abs=1e-5)


def test_shrunken_means_are_a_ridge_on_one_hot_groups():
    from sklearn.linear_model import Ridge

    values, group = torch.randn(50), torch.randint(0, 6, (50,))
    one_hot = torch.nn.functional.one_hot(group, 6).numpy()
    ridge = Ridge(4.0, fit_intercept=False).fit(one_hot, values.numpy())
    ours = lift("10", "shrunken_means")(values, group, 6, 4.0)
    torch.testing.assert_close(ours, torch.tensor(ridge.coef_, dtype=ours.dtype), atol=1e-4, rtol=0)


def test_impute_is_the_library_imputer():
    from sklearn.impute import SimpleImputer

    train, test = torch.randn(9, 3), torch.randn(4, 3)
    train[[0, 5]] = test[[1]] = torch.nan
    imputer = SimpleImputer().fit(train.numpy())
    for ours, x in zip(lift("10", "impute")(train, test), (train, test), strict=True):
        torch.testing.assert_close(ours, torch.tensor(imputer.transform(x.numpy())))
