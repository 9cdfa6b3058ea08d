"""One frame, empty, NaN, infinity, lengths that do not fit: what every function of the room does with them."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from mmcourse.alignment import (
    GaussianHMM,
    ctc_beam_decode,
    ctc_greedy_decode,
    ctc_loss,
    dtw,
    dtw_costs,
    info_nce,
    siglip_loss,
    sinkhorn,
    soft_dtw,
    soft_dtw_divergence,
)

BATCHED = {"dtw_costs": dtw_costs, "soft_dtw": soft_dtw, "soft_dtw_divergence": soft_dtw_divergence}
DECODERS = {
    "greedy": ctc_greedy_decode,
    "beam": ctc_beam_decode,
    "words": lambda log_probs: ctc_beam_decode(log_probs, words=[(1,), (2, 3)]),
}


def frames(*shape):
    return torch.randn(*shape, dtype=torch.double)


def test_one_frame_each():
    x, y = frames(2, 1, 3), frames(2, 1, 3)
    distance = (x - y).norm(dim=2)[:, 0]
    torch.testing.assert_close(dtw_costs(x, y), distance)
    torch.testing.assert_close(soft_dtw(x, y), distance**2)  # one alignment only: soft or not is the same
    torch.testing.assert_close(soft_dtw_divergence(x, y), distance**2)
    found = dtw(x[0], y[0])
    assert found.cost == pytest.approx(distance[0].item())
    assert found.path.tolist() == [[0, 0]]


@pytest.mark.parametrize("name", BATCHED)
def test_one_frame_against_many_meets_them_all(name):
    x, y = frames(1, 1, 3), frames(1, 6, 3)
    square = (x - y).square().sum(2)
    expected = {
        "dtw_costs": square.sqrt().sum(),
        "soft_dtw": square.sum(),
        "soft_dtw_divergence": square.sum() - soft_dtw(y, y)[0] / 2,
    }
    torch.testing.assert_close(BATCHED[name](x, y)[0], expected[name])
    torch.testing.assert_close(BATCHED[name](y, x)[0], expected[name])


def test_one_frame_for_a_hidden_markov_model(rng):
    frame = rng.normal(size=(1, 2))
    for domain in ("scaled", "log"):
        model = GaussianHMM(1, domain=domain).fit([frame])
        assert model.score([frame])[0] == pytest.approx(-np.log(2 * np.pi * 1e-3))  # each variance is at its floor
        assert model.decode([frame])[0][0].tolist() == [0]
        assert model.posteriors([frame])[0].tolist() == [[1.0]]
        assert model.transition_.tolist() == [[1.0]]
    with pytest.raises(ValueError, match="n_states must be at most 1"):
        GaussianHMM(2).fit([frame])


def test_one_frame_of_text():
    log_probs = frames(1, 2, 4).log_softmax(2)
    torch.testing.assert_close(ctc_loss(log_probs, [[2], [2]], [1, 1], [1, 1]), -log_probs[0, :, 2])
    torch.testing.assert_close(ctc_loss(log_probs, [[2], [2]], [1, 1], [0, 0]), -log_probs[0, :, 0])
    best = [[label] if label else [] for label in log_probs[0].argmax(1).tolist()]
    for decode in (ctc_greedy_decode, ctc_beam_decode):
        sequences, scores = decode(log_probs)
        assert sequences == best
        torch.testing.assert_close(scores, log_probs[0].amax(1))


def test_one_cell_to_transport():
    plan, converged = sinkhorn(torch.tensor([[3.0]]), torch.ones(1), torch.ones(1), 0.1)
    assert plan.tolist() == [[1.0]]
    assert converged


@pytest.mark.parametrize("name", BATCHED)
@pytest.mark.parametrize("place", ["x", "y"])
def test_nan_in_one_item_stays_out_of_the_values_and_gradients_of_others(name, place):
    inputs = {"x": frames(3, 5, 2), "y": frames(3, 4, 2)}
    expected = {key: value[1:].clone().requires_grad_() for key, value in inputs.items()}
    inputs[place][0, 3, 1] = torch.nan
    values = BATCHED[name](*(value.requires_grad_() for value in inputs.values()))
    wanted = BATCHED[name](*expected.values())
    assert values.isnan().tolist() == [True, False, False]
    torch.testing.assert_close(values[1:], wanted)
    values[1:].sum().backward()
    wanted.sum().backward()
    for key, value in inputs.items():
        torch.testing.assert_close(value.grad[1:], expected[key].grad)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused_by_every_method_of_the_model(rng, value):
    good = [rng.normal(size=(9, 2)), rng.normal(size=(7, 2))]
    model, bad = GaussianHMM(2).fit(good), [good[0], good[1].copy()]
    bad[1][6, 1] = value
    for method in (model.fit, model.score, model.decode, model.posteriors):
        with pytest.raises(ValueError, match=r"sequences\[1\] must hold finite numbers only"):
            method(bad)
        with pytest.raises(ValueError, match=r"sequences\[0\] must be \(T, d\) with at least one frame"):
            method([good[0][:0], good[1]])
        with pytest.raises(ValueError, match="sequences must be a list"):
            method([])


def test_nan_in_one_item_of_ctc_stays_out_of_the_others():
    log_probs, targets = frames(6, 3, 4).log_softmax(2), [[1, 2], [3, 3], [1, 1]]
    whole = log_probs[:, 1:].clone().requires_grad_()
    log_probs[2, 0] = torch.nan
    losses = ctc_loss(log_probs.requires_grad_(), targets, [6, 6, 6], [2, 2, 2])
    wanted = ctc_loss(whole, targets[1:], [6, 6], [2, 2])
    assert losses.isnan().tolist() == [True, False, False]
    torch.testing.assert_close(losses[1:], wanted)
    losses[1:].sum().backward()
    wanted.sum().backward()
    torch.testing.assert_close(log_probs.grad[:, 1:], whole.grad)


@pytest.mark.parametrize("name", DECODERS)
def test_nan_in_one_item_leaves_what_is_read_from_the_others(name):
    log_probs = frames(6, 2, 4).log_softmax(2)
    expected, wanted = DECODERS[name](log_probs)
    for spoilt in (slice(None), 2):
        log_probs[2, 0, spoilt] = torch.nan
        sequences, scores = DECODERS[name](log_probs)
        assert sequences[1] == expected[1]
        assert scores[1] == wanted[1]
        assert scores[0].isnan()
        log_probs[2, 0] = 0.0


def test_what_cannot_be_read_at_all():
    log_probs = torch.full((4, 1, 3), -torch.inf)
    log_probs[:, 0, 2] = 0.0  # label 2 for certain, at every frame
    assert ctc_beam_decode(log_probs)[0] == [[2]]
    for words in ([(1,), (2, 1)], [(1,)]):  # one begins well; nothing does
        sequences, scores = ctc_beam_decode(log_probs, words=words)
        assert sequences == [[]]
        assert scores.tolist() == [-torch.inf]


def test_targets_longer_than_the_frames_allow():
    log_probs = frames(7, 4, 5).log_softmax(2)
    # five labels in four frames; three equal ones in four; both need one frame more; the last fits to the frame
    targets, labels = torch.tensor([[1, 2, 3, 4, 1], [2, 2, 2, 0, 0], [1, 2, 3, 4, 1], [2, 2, 2, 0, 0]]), [5, 3, 5, 3]
    ours, theirs = log_probs.clone().requires_grad_(), log_probs.clone().requires_grad_()
    losses = ctc_loss(ours, targets, [4, 4, 5, 5], labels)
    assert losses.isinf().tolist() == [True, True, False, False]
    peer = functional.ctc_loss(theirs, targets, torch.tensor([4, 4, 5, 5]), torch.tensor(labels), reduction="none")
    torch.testing.assert_close(losses, peer)
    losses.sum().backward()
    peer[2:].sum().backward()
    assert not ours.grad[:, :2].any()
    assert ours.grad.isfinite().all()
    # torch's gradient is by the logits before a softmax; the sum over classes tells how much a frame counts
    torch.testing.assert_close(ours.grad[:, 2:].sum(2)[:5], -torch.ones(5, 2, dtype=torch.double))
    with pytest.raises(ValueError, match="target_lengths must be from 0 to 5"):
        ctc_loss(log_probs, targets, [7] * 4, [6, 3, 5, 3])


@pytest.mark.parametrize("name", BATCHED)
@pytest.mark.parametrize("lengths", [{"x_lengths": [4, 6]}, {"y_lengths": [5, 1]}, {"x_lengths": [0, 5]}])
def test_lengths_beyond_the_tensor(name, lengths):
    with pytest.raises(ValueError, match=f"{next(iter(lengths))} must be from 1 to "):
        BATCHED[name](frames(2, 5, 3), frames(2, 4, 3), **lengths)


def test_a_batch_of_one_has_nothing_to_tell_apart():
    a, b = frames(1, 4), frames(1, 4)
    for chunk in (None, 1):
        with pytest.raises(ValueError, match="at least two pairs: with one there is nothing to tell apart"):
            info_nce(a, b, 2.0, chunk=chunk)
    match = (functional.normalize(a, dim=1) * functional.normalize(b, dim=1)).sum() * np.exp(2.0) - 3.0
    torch.testing.assert_close(siglip_loss(a, b, 2.0, -3.0), functional.softplus(-match))
    two = info_nce(frames(2, 4), frames(2, 4), 0.0)
    assert two.isfinite()
    assert two > 0


def test_a_vector_of_zeros_and_equal_rows():
    a, b = frames(3, 4), frames(3, 4)
    a[1] = 0
    for loss in (info_nce(a, b, 2.0), siglip_loss(a, b, 2.0, -3.0)):
        assert loss.isfinite()
    same = torch.ones(8, 4, dtype=torch.double)
    assert info_nce(same, same, 2.0).item() == pytest.approx(np.log(8))  # nothing tells the rows apart: chance
