"""Changed copies that keep their meaning, to make few examples go further (lesson 04).

Every function that draws random numbers takes a seed, leaves the global generators alone, and gives the same result for
the same seed. Augment training items only: a changed copy in the test set tests nothing.
"""

import numpy as np
import torch

from mmcourse.representation.audio import check_positive, check_samples
from mmcourse.representation.image import check_images
from mmcourse.representation.text import check_texts


def flip(images, *, probability=0.5, seed=0):
    """Mirror pictures left to right, each or none by chance. Not for pictures of text or digits.

    Parameters
    ----------
    images : torch.Tensor, shape (C, H, W) or (B, C, H, W), float
    probability : float
    seed : int

    Returns
    -------
    torch.Tensor, of the same shape

    Raises
    ------
    ValueError
        Bad pictures, or a probability outside of [0, 1].
    """
    from torchvision.transforms import v2

    _check_share("probability", probability)
    return _one_by_one(v2.RandomHorizontalFlip(probability), images, seed)


def random_crop(images, *, padding=4, seed=0):
    """Shift each picture by up to `padding` pixels, repeating its edge where nothing is left.

    Parameters
    ----------
    images : torch.Tensor, shape (C, H, W) or (B, C, H, W), float
    padding : int
        Pixels.
    seed : int

    Returns
    -------
    torch.Tensor, of the same shape

    Raises
    ------
    ValueError
        Bad pictures, or a negative padding.
    """
    from torchvision.transforms import v2

    if padding < 0:
        raise ValueError(f"padding must be at least 0 pixels, not {padding}")
    size = tuple(torch.as_tensor(images).shape[-2:])
    return _one_by_one(v2.RandomCrop(size, padding=padding, padding_mode="edge"), images, seed)


def jitter_colour(images, *, strength=0.4, seed=0):
    """Change brightness, contrast and saturation of each picture by chance.

    Parameters
    ----------
    images : torch.Tensor, shape (C, H, W) or (B, C, H, W), float
    strength : float
        Each factor is drawn from [1 - strength, 1 + strength].
    seed : int

    Returns
    -------
    torch.Tensor, of the same shape
        Kept within [0, 1].

    Raises
    ------
    ValueError
        Bad pictures, or a strength outside of [0, 1].
    """
    from torchvision.transforms import v2

    _check_share("strength", strength)
    return _one_by_one(v2.ColorJitter(brightness=strength, contrast=strength, saturation=strength), images, seed)


def replace_words(text, synonyms=None, *, rate=0.2, seed=0):
    """Replace some words of a text by words of similar meaning.

    Parameters
    ----------
    text : str
        Words between blanks.
    synonyms : dict of str to list of str, optional
        What may stand for a word. By default the nearest static vector among lower-case words
        (`mmcourse.representation.nearest_words`), which is at times an opposite: read what it makes of your texts.
    rate : float
        The chance of each word.
    seed : int

    Returns
    -------
    str
        Words without a synonym stay. An empty text stays empty.

    Raises
    ------
    ValueError
        `text` is not a string, or the rate is outside of [0, 1].
    mmcourse.data.DataError
        Without `synonyms`: the weights ``wordllama`` cannot be had.

    Examples
    --------
    >>> replace_words("a great film", {"film": ["movie"]}, rate=1.0)
    'a great movie'
    """
    _check_share("rate", rate)
    (text,), rng = check_texts([text]), np.random.default_rng(seed)
    words = text.split()
    for place in np.flatnonzero(rng.random(len(words)) < rate):
        choices = _neighbour(words[place]) if synonyms is None else synonyms.get(words[place], ())
        if len(choices):
            words[place] = str(rng.choice(choices))
    return " ".join(words)


def reorder(text, *, distance=3, seed=0):
    """Shuffle the words of a text a little.

    Parameters
    ----------
    text : str
        Words between blanks.
    distance : int
        No word moves further than this many places.
    seed : int

    Returns
    -------
    str
        An empty text stays empty.

    Raises
    ------
    ValueError
        `text` is not a string, or the distance is negative.

    References
    ----------
    G. Lample et al., "Unsupervised machine translation using monolingual corpora only", ICLR 2018, section 2.3.
    """
    if distance < 0:
        raise ValueError(f"distance must be at least 0 places, not {distance}")
    words = check_texts([text])[0].split()
    keys = np.arange(len(words)) + np.random.default_rng(seed).uniform(0, distance + 1, len(words))
    return " ".join(words[place] for place in np.argsort(keys, kind="stable"))


def add_noise(samples, *, ratio=20.0, seed=0):
    """Add white noise to sound.

    Parameters
    ----------
    samples : torch.Tensor, shape (..., N), float
    ratio : float
        Signal to noise, in decibels, for each clip.
    seed : int

    Returns
    -------
    torch.Tensor, shape (..., N)
        A silent clip stays silent.

    Raises
    ------
    ValueError
        Bad samples, or a ratio that is not finite.
    """
    samples = check_samples(samples)
    if not np.isfinite(ratio):
        raise ValueError(f"ratio must be a number of decibels, not {ratio}")
    noise = torch.randn(samples.shape, generator=torch.Generator().manual_seed(seed), dtype=samples.dtype)
    noise = noise.to(samples.device) / noise.square().mean(dim=-1, keepdim=True).sqrt().to(samples.device)
    return samples + noise * samples.square().mean(dim=-1, keepdim=True).sqrt() * 10 ** (-ratio / 20)


def change_pitch(samples, sample_rate, semitones):
    """Shift the pitch of sound, and keep its length.

    Parameters
    ----------
    samples : torch.Tensor, shape (..., N), float
    sample_rate : float
        Hertz.
    semitones : float
        Twelve make an octave.

    Returns
    -------
    torch.Tensor, shape (..., N)

    Raises
    ------
    ValueError
        Bad samples, a sampling rate that is not positive, or more than two octaves.
    """
    import librosa

    check_positive(sample_rate=sample_rate)
    if not abs(semitones) <= 24:
        raise ValueError(f"semitones must lie between -24 and 24, not {semitones}")

    def shift(clips, n_fft):
        return librosa.effects.pitch_shift(clips, sr=sample_rate, n_steps=semitones, n_fft=n_fft)

    return _through_librosa(samples, shift, length_factor=1)


def change_speed(samples, factor):
    """Play sound faster or slower, and keep its pitch.

    Parameters
    ----------
    samples : torch.Tensor, shape (..., N), float
    factor : float
        2 is twice as fast and half as long.

    Returns
    -------
    torch.Tensor, shape (..., round(N / factor))

    Raises
    ------
    ValueError
        Bad samples, a factor outside of [0.25, 4], or less than one sample left.
    """
    import librosa

    samples = check_samples(samples)
    if not 0.25 <= factor <= 4 or round(samples.shape[-1] * (1 / factor)) < 1:
        raise ValueError(f"factor must lie between 0.25 and 4 and leave at least one sample, not {factor}")

    def stretch(clips, n_fft):
        return librosa.effects.time_stretch(clips, rate=factor, n_fft=n_fft)

    return _through_librosa(samples, stretch, length_factor=1 / factor)


def _through_librosa(samples, change, *, length_factor):
    """Apply an effect on the CPU, with frames no longer than the clip (and at least four samples, padded if need be)."""
    samples = check_samples(samples)
    length = samples.shape[-1]
    padded = torch.nn.functional.pad(samples, (0, max(4 - length, 0)))
    changed = change(padded.detach().cpu().numpy(), min(2048, padded.shape[-1] // 2 * 2))
    return torch.as_tensor(changed).to(samples)[..., : round(length * length_factor)]


def _one_by_one(transform, images, seed):
    """Draw anew for each picture, from a generator of our own."""
    images = check_images(images)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        changed = [transform(image) for image in images.reshape(-1, *images.shape[-3:])]
    return torch.stack(changed).reshape(images.shape)


def _neighbour(word):
    from mmcourse.representation.text_vectors import nearest_words

    return [nearest_words(word, k=1)[0][0]] if word.isalpha() else []


def _check_share(name, value):
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {value}")
