"""Recipe for the audio-visual digits: two real halves, each divided before it is paired with the other by label."""

import operator

import numpy as np

from mmcourse.data.canonical import need_level

FRAMES = 20


def load_audio_visual_digits(folder, *, image_noise=0.0, audio_noise=0.0, seed=0):
    """Return handwritten digits paired at random with recordings of the same digit.

    The parts are those of ``digits`` and ``spoken_digits``, so no picture and no recording is in two of them: 1,258
    pairs for training, 180 for validation, 359 for testing. Every picture is used once and every recording at most
    once; the seed says which. Recordings are resampled to 20 frames, linearly in time, and standardised per coefficient
    with the mean and standard deviation of all training recordings.

    Noise is Gaussian, in units of the training standard deviation: of all pixels for pictures, of each coefficient for
    sound. The seed gives the same pairs at every level, and the same pattern of noise, only stronger; a noisy picture
    may leave [0, 1].

    Parameters
    ----------
    image_noise, audio_noise : float
        0 for none.
    seed : int
        Not negative.

    Returns
    -------
    DataSplits
        Items ``{"image": (1, 8, 8), "audio": (20, 13)}`` and the digit.

    Raises
    ------
    ValueError
        A negative or non-finite noise, or a negative seed.
    """
    from mmcourse.data.images import load_digits
    from mmcourse.data.speech import load_spoken_digits
    from mmcourse.data.splits import DataSplits, Split

    need_level("image_noise", image_noise)
    need_level("audio_noise", audio_noise)
    levels = {"image": np.float32(image_noise), "audio": np.float32(audio_noise)}
    streams = np.random.SeedSequence(operator.index(seed)).spawn(3)
    pairing, *noise = map(np.random.default_rng, streams)
    written, spoken = load_digits(), load_spoken_digits(folder)
    scales = {"image": written.train.arrays()[0]["image"].std(), "audio": 1.0}
    standardised = _standardiser(_frames(spoken.train))
    parts = []
    for part in ("train", "valid", "test"):
        pictures, recordings = getattr(written, part), getattr(spoken, part)
        rows = matches(pictures.target, recordings.target, pairing)
        inputs = {"image": pictures.arrays()[0]["image"], "audio": standardised(_frames(recordings)[rows])}
        for (key, clean), rng in zip(inputs.items(), noise, strict=True):
            pattern = rng.standard_normal(clean.shape, dtype=np.float32)
            inputs[key] = (clean + levels[key] * scales[key] * pattern).astype(np.float32)
        parts.append(Split(inputs, pictures.target, pictures.groups))
    return DataSplits(*parts, classes=written.classes)


def matches(labels, other_labels, rng):
    """Return for each item the row of another item with the same label, drawn at random and never twice.

    Parameters
    ----------
    labels : int array, shape (n,)
    other_labels : int array
        At least as many of each label.
    rng : numpy.random.Generator

    Returns
    -------
    int array, shape (n,)
    """
    rows = np.empty(len(labels), dtype=int)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        rows[places] = rng.permutation(np.flatnonzero(other_labels == label))[: len(places)]
    return rows


def _frames(split):
    """Resample every recording to 20 frames; shape (n, 20, 13)."""
    import torch
    from torch.nn.functional import interpolate

    recordings = (torch.as_tensor(frames.T[None]) for frames in split.arrays()[0]["audio"])
    resampled = [interpolate(frames, FRAMES, mode="linear", align_corners=True)[0].T for frames in recordings]
    return torch.stack(resampled).numpy()


def _standardiser(training):
    mean, std = training.mean(axis=(0, 1)), training.std(axis=(0, 1))
    return lambda frames: (frames - mean) / std
