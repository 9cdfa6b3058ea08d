"""What lesson 17 builds by hand equals the package, the library and a network that peeks at nothing."""

import librosa
import numpy as np
import pytest
import torch
from torch.nn import functional

from mmcourse import translation
from tools.lesson import definitions


@pytest.fixture(scope="module")
def lesson():
    return definitions("17")


@pytest.fixture
def networks(lesson):
    torch.manual_seed(0)
    options = {"hop": 4, "width": 6, "dilations": (1, 2, 4)}
    ours, package = lesson["WaveNet"](5, **options), translation.WaveNet(5, **options)
    ours.load_state_dict(package.state_dict())
    return ours, package


def test_wavenet_equals_the_package_outputs_and_gradients(networks):
    audio, mel = torch.rand(2, 24) - 0.5, torch.randn(2, 6, 5)
    outputs = [network(audio, mel) for network in networks]
    torch.testing.assert_close(*outputs)
    for logits in outputs:
        functional.cross_entropy(logits, translation.mu_law_encode(audio)).backward()
    for ours, package in zip(*(network.parameters() for network in networks), strict=True):
        torch.testing.assert_close(ours.grad, package.grad)


def test_slow_speech_is_quick_speech(lesson, networks):
    mel = torch.randn(1, 3, 5)
    slow = torch.zeros(1, 12)
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for n in range(12):
            share = networks[0](slow, mel)[:, :, n].softmax(1)
            slow[:, n] = translation.mu_law_decode(share.multinomial(1, generator=draws)[:, 0])
    quick = networks[1].generate(mel, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(slow, quick)


def test_levels_are_those_of_the_package(lesson):
    x = np.random.default_rng(0).uniform(-1.2, 1.2, 1000)
    assert lesson["to_levels"](x).tolist() == translation.mu_law_encode(torch.as_tensor(x)).tolist()


@pytest.mark.parametrize("dilation", [1, 3, 8, 30])
def test_causal_is_a_dilated_convolution(lesson, dilation):
    x, weights = np.random.default_rng(0).standard_normal(20), (0.3, -1.2)
    padded = functional.pad(torch.as_tensor(x)[None, None], (dilation, 0))
    theirs = functional.conv1d(padded, torch.tensor([[weights]], dtype=torch.float64), dilation=dilation)
    np.testing.assert_allclose(lesson["causal"](x, weights, dilation), theirs[0, 0])


def test_field_is_the_reach_of_a_change(lesson):
    """A stack of causal layers: the outputs that a single input reaches are as many as the field says."""
    for dilations in ([1, 2, 4], [3, 1], [1]):
        x = np.eye(1, 30)[0]
        for dilation in dilations:
            x = lesson["causal"](x, (1.0, 1.0), dilation)
        assert np.flatnonzero(x)[-1] + 1 == lesson["field"](dilations, 2) == translation.receptive_field(dilations)


def test_griffin_lim_step_is_the_library_without_momentum(lesson):
    magnitude = np.abs(librosa.stft(np.random.default_rng(0).standard_normal(1600), n_fft=256, hop_length=80))
    guess = magnitude.astype(complex)
    for _ in range(3):
        guess = lesson["griffin_lim_step"](magnitude, guess)
    theirs = librosa.griffinlim(magnitude, n_iter=3, hop_length=80, n_fft=256, momentum=0, init=None)
    np.testing.assert_allclose(librosa.istft(guess, hop_length=80), theirs, atol=1e-4)


def test_attend_is_the_step_of_the_reader(lesson):
    torch.manual_seed(0)
    reader = lesson["AttentionReader"]().eval()
    mels, frames = torch.randn(2, 40, 40), torch.tensor([40, 23])
    with torch.no_grad():
        state = reader.start(mels, frames)
        tokens = torch.tensor([11, 11])
        _, after = reader.step(tokens, state)
        memory = reader.cell(torch.cat([reader.embed(tokens), state["context"]], 1), state["memory"])
        query, weight = reader.query(memory).numpy(), reader.weight.weight[0].numpy()
    for k in range(2):
        steps = int(state["inside"][k].sum())
        context, attention = lesson["attend"](
            query[k], state["keys"][k].numpy(), state["values"][k].numpy(), weight, steps
        )
        np.testing.assert_allclose(context, after["context"][k], atol=1e-5)
        assert attention.sum() == pytest.approx(1)
