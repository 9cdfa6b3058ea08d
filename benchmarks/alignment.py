"""The blocks of mmcourse.alignment beside tslearn, dtaidistance, librosa, pysdtw, hmmlearn, open_clip, POT, flashlight."""

import numpy as np
import torch

from benchmarks.race import Run, case, with_gradients
from mmcourse import alignment


@case("dtw", "two 1000 x 13, squared distances, with path", 1.0, rtol=1e-9, atol=1e-9)
def dtw(device, *, length=1000, width=13):
    x, y = np.random.default_rng(0).normal(size=(2, length, width))

    def tslearn():
        from tslearn.metrics import dtw_path

        return Run(lambda: dtw_path(x, y), lambda found: [found[1] ** 2, np.array(found[0])])

    def dtaidistance():
        from dtaidistance.dtw import warping_path_fast

        return Run(
            lambda: warping_path_fast(x, y, include_distance=True),
            lambda found: [found[1] ** 2, np.array(found[0])],
        )

    def librosa():
        from librosa.sequence import dtw

        columns = np.ascontiguousarray(x.T), np.ascontiguousarray(y.T)
        return Run(lambda: dtw(*columns, metric="sqeuclidean"), lambda found: [found[0][-1, -1], found[1][::-1]])

    ours = Run(lambda: alignment.dtw(x, y, metric="sqeuclidean"), lambda found: [found.cost, found.path])
    return ours, {"tslearn": tslearn, "dtaidistance": dtaidistance, "librosa": librosa}


@case(
    "soft_dtw",
    "16 pairs of 128 x 13, forward and backward, float64",
    0.6,
    rtol=1e-5,
    atol=5e-3,
    remark="Both peers round their tables to single precision on the way; ours does not, hence the wide tolerance.",
)
def soft_dtw(device, *, length=128, batch=16, width=13):
    torch.manual_seed(0)
    x, y = (torch.randn(batch, length, width, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def pysdtw():
        from pysdtw import SoftDTW, distance

        exact = SoftDTW(1.0, distance.pairwise_l2_squared_exact, use_cuda=False)
        return with_gradients(lambda: exact(x, y), [x, y])

    def tslearn():
        from tslearn.metrics import SoftDTWLossPyTorch

        loss = SoftDTWLossPyTorch(1.0)
        return with_gradients(lambda: loss(x, y), [x, y])

    return with_gradients(lambda: alignment.soft_dtw(x, y), [x, y]), {"pysdtw": pysdtw, "tslearn": tslearn}


def models(length, states, width=13):
    """Frames, our HMM fitted to them, and a maker of hmmlearn's with the same parameters."""
    x = np.random.default_rng(0).normal(size=(length, width))
    ours = alignment.GaussianHMM(states, max_iter=3).fit([x])

    def theirs(implementation):
        from hmmlearn.hmm import GaussianHMM

        model = GaussianHMM(states, implementation=implementation)
        model.startprob_, model.transmat_ = ours.start_, ours.transition_
        model.means_, model.n_features = ours.means_, width
        model.covars_ = ours.variances_
        return model

    return x, ours, theirs


@case("GaussianHMM.decode", "T = 5000, 13 numbers, 10 states", 0.4, rtol=1e-12, atol=1e-9)
def hmm_decode(device, *, length=5000, states=10):
    x, model, theirs = models(length, states)

    def hmmlearn():
        peer = theirs("log")
        return Run(lambda: peer.decode(x))

    ours = Run(lambda: model.decode([x]), lambda found: [found[1][0], found[0][0]])
    return ours, {"hmmlearn": hmmlearn}


@case("GaussianHMM.posteriors", "T = 5000, 13 numbers, 10 states", 0.4, rtol=0, atol=1e-9)
def hmm_posteriors(device, *, length=5000, states=10):
    x, model, theirs = models(length, states)

    def hmmlearn(implementation):
        def make():
            peer = theirs(implementation)
            return Run(lambda: peer.predict_proba(x))

        return make

    peers = {f"hmmlearn, {name}": hmmlearn(name) for name in ("scaling", "log")}
    return Run(lambda: model.posteriors([x])[0]), peers


def pairs(device, batch, width, start=2.6593):
    """Two batches of vectors and a logit scale, all of which want a gradient."""
    torch.manual_seed(0)
    a, b = (torch.randn(batch, width, device=device, requires_grad=True) for _ in range(2))
    return a, b, torch.tensor(start, device=device, requires_grad=True)


@case("info_nce", "1024 x 512, forward and backward", 0.75, rtol=1e-4, atol=1e-5, devices=("cpu", "cuda"))
def info_nce(device, *, batch=1024, width=512):
    inputs = a, b, scale = pairs(device, batch, width)

    def open_clip():
        from open_clip.loss import ClipLoss

        loss, unit = ClipLoss(), torch.nn.functional.normalize
        return with_gradients(lambda: loss(unit(a), unit(b), scale.exp()), inputs)

    return with_gradients(lambda: alignment.info_nce(a, b, scale), inputs), {"open_clip": open_clip}


@case("siglip_loss", "1024 x 512, forward and backward", 1.0, rtol=1e-4, atol=1e-5, devices=("cpu", "cuda"))
def siglip_loss(device, *, batch=1024, width=512):
    a, b, scale = pairs(device, batch, width)
    bias = torch.tensor(-10.0, device=device, requires_grad=True)
    inputs = [a, b, scale, bias]

    def open_clip():
        from open_clip.loss import SigLipLoss

        loss, unit = SigLipLoss(), torch.nn.functional.normalize
        return with_gradients(lambda: loss(unit(a), unit(b), scale.exp(), bias), inputs)

    return with_gradients(lambda: alignment.siglip_loss(a, b, scale, bias), inputs), {"open_clip": open_clip}


def plans(rounds, length=500, epsilon=0.01):
    """Our run on a random cost, and a maker of POT's with a method and a kind of array."""
    cost, weights = np.random.default_rng(0).random((length, length)), np.full(length, 1 / length)
    tensors = [torch.tensor(z) for z in (cost, weights, weights)]

    def pot(method, kind=np.asarray):
        def make():
            import ot

            a, b, c = kind(weights), kind(weights), kind(cost)
            options = {"method": method, "numItermax": rounds, "stopThr": 0, "warn": False}
            return Run(lambda: ot.sinkhorn(a, b, c, epsilon, **options))

        return make

    return Run(lambda: alignment.sinkhorn(*tensors, epsilon, max_iter=rounds, tol=0)[0]), pot


@case("sinkhorn", "500 x 500, 100 rounds, epsilon 0.01, peers with logarithms", 0.1, rtol=0, atol=1e-9)
def sinkhorn(device, *, length=500, rounds=100):
    ours, pot = plans(rounds, length)
    return ours, {"POT sinkhorn_log": pot("sinkhorn_log"), "POT sinkhorn_log, torch": pot("sinkhorn_log", torch.tensor)}


@case(
    "sinkhorn-scaled",
    "the same, a peer that scales",
    1.0,
    rtol=0,
    atol=1e-9,
    remark="The same method as ours, scaling with logarithms where it would leave the range; ours is differentiable and "
    "takes batches.",
)
def sinkhorn_scaled(device, *, length=500, rounds=100):
    ours, pot = plans(rounds, length)
    return ours, {"POT sinkhorn_stabilized": pot("sinkhorn_stabilized")}


def speech(length, batch, labels):
    """Log probabilities (T, B, C) like those of a trained network: blanks, and a label in every fifth frame."""
    torch.manual_seed(0)
    spoken = torch.where(torch.arange(length)[:, None] % 5 == 2, torch.randint(1, labels, (length, batch)), 0)
    return (
        (1.5 * torch.randn(length, batch, labels))
        .scatter_add(2, spoken[..., None], 8 * torch.ones(length, batch, 1))
        .log_softmax(2)
    )


@case("ctc_beam_decode", "8 x 200 frames, 32 labels, beam 16", 1.0, rtol=0, atol=0)
def ctc_beam_decode(device, *, length=200, batch=8, labels=32, beam=16):
    log_probs = speech(length, batch, labels)
    items = np.ascontiguousarray(log_probs.transpose(0, 1).numpy())

    def flashlight():
        from flashlight.lib.text import decoder as text

        options = text.LexiconFreeDecoderOptions(beam, labels, 1e9, 0.0, 0.0, True, text.CriterionType.CTC)
        search = text.LexiconFreeDecoder(options, text.ZeroLM(), -1, 0, [])

        def read(path):
            merged = [c for c, before in zip(path, [-1, *path], strict=False) if c != before]
            return np.array([c for c in merged if c > 0])

        return Run(
            lambda: [search.decode(x.ctypes.data, length, labels)[0].tokens for x in items], lambda f: [*map(read, f)]
        )

    def fast_ctc_decode():
        from fast_ctc_decode import beam_search

        alphabet = [chr(33 + i) for i in range(labels)]
        chances = np.exp(items)
        return Run(
            lambda: [beam_search(x, alphabet, beam, 0.0)[0] for x in chances],
            lambda found: [np.array([ord(c) - 33 for c in text]) for text in found],
        )

    ours = Run(lambda: alignment.ctc_beam_decode(log_probs, beam=beam)[0], lambda found: [*map(np.array, found)])
    return ours, {"flashlight": flashlight, "fast_ctc_decode": fast_ctc_decode}
