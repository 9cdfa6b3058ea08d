"""WaveNet: causal, independent of padding and of other items, quick speech equal to slow; the mu-law by formula."""

import itertools
import math

import pytest
import torch
from torch.nn import functional

from mmcourse.translation import WaveNet, mu_law_decode, mu_law_encode, receptive_field

SMALL = {"hop": 4, "width": 6, "dilations": (1, 2, 4)}


@pytest.fixture
def net():
    torch.manual_seed(0)
    return WaveNet(5, **SMALL)


@pytest.fixture
def inputs():
    torch.manual_seed(1)
    return torch.rand(3, 28) * 1.6 - 0.8, torch.randn(3, 7, 5)


def test_mu_law_is_the_formula_of_the_libraries():
    """As in torchaudio: companded, moved to 0 to 255 and rounded; exact inverse on all levels."""
    x = torch.linspace(-1, 1, 4001)
    mu = torch.tensor(255.0)
    companded = torch.sign(x) * torch.log1p(mu * torch.abs(x)) / torch.log1p(mu)
    assert torch.equal(mu_law_encode(x), ((companded + 1) / 2 * mu + 0.5).long())
    levels = torch.arange(256)
    assert torch.equal(mu_law_encode(mu_law_decode(levels)), levels)
    back = ((levels.double() / 255) * 2 - 1).abs()
    expected = (levels.double() / 127.5 - 1).sign() * ((1 + 255) ** back - 1) / 255
    torch.testing.assert_close(mu_law_decode(levels).double(), expected, atol=1e-6, rtol=1e-5)
    assert mu_law_encode(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]
    assert (mu_law_decode(mu_law_encode(x)) - x).abs().max() < math.log(256) / 255 * 1.01
    assert mu_law_decode(levels).dtype == torch.float32


def test_parameter_count():
    for bands, hop, width, dilations in ((5, 4, 6, (1, 2, 4)), (40, 80, 32, (1, 2, 4, 8, 16, 32, 64, 128, 256))):
        w, n = width, len(dilations)
        mel = bands * 3 * 2 * w + 2 * w + 2 * w * 2 * w * n
        layers = n * (w * 2 * w * 2 + 2 * w + w * w + w)
        head = w * 2 * w + 2 * w + 2 * w * 256 + 256
        net = WaveNet(bands, hop=hop, width=width, dilations=dilations)
        assert sum(p.numel() for p in net.parameters()) == 2 * w + mel + layers + head
    assert receptive_field(net.dilations) == 512


def test_every_parameter_gets_a_gradient_and_one_step_changes_it(net, inputs):
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    mask = torch.tensor([[True] * 7, [True] * 3 + [False] * 4, [True] * 7])
    functional.cross_entropy(net(*inputs, mask), mu_law_encode(inputs[0])).backward()
    assert all(p.grad.abs().sum() > 0 for p in net.parameters())
    torch.optim.Adam(net.parameters()).step()
    assert all(not torch.equal(p, before[name]) for name, p in net.named_parameters())


def test_nothing_depends_on_what_comes_after(net, inputs):
    audio, mel = inputs
    logits = net(audio, mel)
    for n in (0, 5, 27):
        changed = audio.clone()
        changed[:, n:] = torch.rand(3, 28 - n) - 0.5
        torch.testing.assert_close(net(changed, mel)[:, :, : n + 1], logits[:, :, : n + 1])
    changed = audio.clone()
    changed[:, 5] = -changed[:, 5]
    moved = (net(changed, mel) - logits).abs().amax((0, 1)).nonzero()[:, 0]
    assert moved.tolist() == list(range(6, 6 + receptive_field(net.dilations)))


def test_the_mel_is_heard_a_frame_around(net, inputs):
    audio, mel = inputs
    changed = mel.clone()
    changed[:, 3] += 1
    moved = (net(audio, changed) - net(audio, mel)).abs().amax((0, 1)).nonzero()[:, 0]
    assert moved.min() == 2 * net.hop
    assert moved.max() == 5 * net.hop - 1 + 2 + 4  # the convolution of the first layer comes before the mel


def test_items_do_not_depend_on_each_other(net, inputs):
    together = net(*inputs)
    for i in range(3):
        torch.testing.assert_close(net(*(x[i : i + 1] for x in inputs))[0], together[i])


@pytest.mark.parametrize("rubbish", [0.0, 3.0, float("nan")])
def test_padding_changes_nothing(net, inputs, rubbish):
    audio, mel = inputs
    longer = torch.cat([mel, torch.full((3, 2, 5), rubbish)], 1)
    mask = torch.arange(9).expand(3, -1) < 7
    logits = net(functional.pad(audio, (0, 8)), longer, mask)
    torch.testing.assert_close(logits[:, :, :28], net(audio, mel), atol=1e-5, rtol=1e-5)
    assert torch.isfinite(logits).all()
    assert torch.equal(net.generate(longer, mask, generator=seeded())[:, 28:], torch.zeros(3, 8))


def seeded():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_quick_speech_is_slow_speech(net, inputs, temperature):
    """Drawn with the same dice, the cache gives what the whole network gives."""
    mel, dice = inputs[1], seeded()
    slow = torch.zeros(3, 28)
    with torch.no_grad():
        for n in range(28):
            share = (net(slow, mel)[:, :, n] / temperature).softmax(1)
            slow[:, n] = mu_law_decode(share.multinomial(1, generator=dice)[:, 0])
    quick = net.generate(mel, temperature=temperature, generator=seeded())
    torch.testing.assert_close(quick, slow)
    assert slow.unique().numel() > 50


def test_steps_give_the_logits_of_the_whole(net, inputs):
    audio, mel = inputs
    state, squeezed = net.start(3), 2 * mu_law_encode(audio) / 255 - 1
    conditions = torch.stack(net._conditions(mel, None)).permute(3, 0, 1, 2)
    before = torch.cat([torch.zeros(3, 1), squeezed[:, :-1]], 1)
    with torch.no_grad():
        steps = [net.step(before[:, n], conditions[n // net.hop], state) for n in range(28)]
        torch.testing.assert_close(torch.stack(steps, 2), net(audio, mel), atol=1e-5, rtol=1e-5)


def test_autocast(net, inputs):
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(*inputs)
        sound = net.generate(inputs[1], generator=seeded())
    torch.testing.assert_close(logits.float(), net(*inputs), atol=2e-2, rtol=2e-2)
    assert torch.isfinite(sound).all()


def test_it_learns_a_tone():
    """After a little training the next sample of a tone is far easier to foretell than by chance."""
    torch.manual_seed(0)
    net = WaveNet(2, hop=8, width=16, dilations=(1, 2, 4, 8))
    start = torch.rand(16, 1) * 6
    audio, mel = 0.5 * torch.sin(0.5 * torch.arange(64) + start), torch.zeros(16, 8, 2)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(60):
        loss = functional.cross_entropy(net(audio, mel), mu_law_encode(audio))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.6 * math.log(256)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, m: (a[:, 1:], m), r"audio must have shape \(3, 28\)"),
        (lambda a, m: (a.long(), m), "audio must be a floating-point tensor"),
        (lambda a, m: (a[0], m), "audio must have 2 axes"),
        (lambda a, m: (a, m[..., 1:]), "mel must have 5 numbers on its last axis"),
        (lambda a, m: (a, m[0]), "mel must have 3 axes"),
        (lambda a, m: (a[:, :0], m[:, :0]), "mel must not be empty"),
        (lambda a, m: (a, m, torch.ones(3, 7)), "mask must be a bool tensor"),
    ],
    ids=itertools.count(),
)
def test_bad_input(net, inputs, change, message):
    with pytest.raises(ValueError, match=message):
        net(*change(*inputs))


def test_bad_options(net, inputs):
    for temperature in (0, -1.0, float("nan"), "hot"):
        with pytest.raises(ValueError, match="temperature must be a number above 0"):
            net.generate(inputs[1], temperature=temperature)
    with pytest.raises(ValueError, match="audio must be a floating-point tensor; got"):
        mu_law_encode(torch.tensor([1]))
    for levels in (torch.tensor([256]), torch.tensor([-1]), torch.tensor([0.5])):
        with pytest.raises(ValueError, match="whole numbers from 0 to 255"):
            mu_law_decode(levels)
