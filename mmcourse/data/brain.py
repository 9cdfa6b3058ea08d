"""Recipe for simulated brain scans: one template bent into many heads, five contrasts, and tumours of three labels."""

import gzip
import itertools
from math import prod

import numpy as np

CONTRASTS = ("t1", "t1c", "t2", "flair", "ct")
CLASSES = ("background", "necrotic core", "oedema", "enhancing rim")
PARTS = {"train": 80, "valid": 20, "test": 40}  # subjects
HEALTHY = 3  # the first so many of every twenty subjects
HEIGHTS = (-10, 2, 14, 26, 38, 50)  # of the slices, millimetres above the template's origin
SIDES, VOXEL, FINER = (80, 64), 3.0, 2  # pixels; their side in millimetres; drawn so many times finer
ORIGIN, MIDDLE = (98, 134, 72), (0, -17)  # voxel of the template's origin; middle of a slice, millimetres
SLAB = slice(22, 162)  # of the template's voxels, from below to above
SKULL = (1.0, 5.5)  # millimetres outside the brain at which the bone begins and ends
# Signal of cerebrospinal fluid, grey and white matter, necrotic core, oedema and enhancing rim; CT in Hounsfield units.
SIGNALS = {
    "t1": (0.22, 0.60, 0.86, 0.36, 0.60, 0.58),
    "t1c": (0.22, 0.61, 0.86, 0.36, 0.62, 1.30),
    "t2": (1.00, 0.56, 0.40, 0.92, 0.86, 0.66),
    "flair": (0.14, 0.62, 0.50, 0.56, 0.92, 0.74),
    "ct": (7.0, 38.0, 30.0, 19.0, 21.0, 36.0),
}
VISIBLE = (0.4, 1.0)  # how much of a lesion's signal shows: drawn for each subject, contrast and label
JITTER, BIAS, NOISE, CT_NOISE = 0.05, 0.12, (0.03, 0.075), 2.5  # spread of signals and of the bias field; noise
WINDOW = 80.0  # Hounsfield units from black to white


def build_brain(files, folder):
    """Bend the template into subjects and draw their slices."""
    from tqdm import tqdm

    template = _template(files[0])
    drawn = [_subject(template, number) for number in tqdm(range(sum(PARTS.values())), desc="drawing", leave=False)]
    scans, labels = (np.stack(each) for each in zip(*drawn, strict=True))
    np.savez_compressed(folder / "brain.npz", scans=scans, labels=labels)


def _template(files):
    """Return grey matter, white matter and distance to the brain's surface: (3, x, y, z), one voxel a millimetre."""
    import nibabel
    from scipy.ndimage import distance_transform_edt

    def volume(kind):
        (content,) = (content for name, content in files.items() if f"_{kind}_" in name)
        image = nibabel.Nifti1Image.from_bytes(gzip.decompress(content))
        return np.asarray(image.dataobj)[..., SLAB]

    grey, white = (volume(kind) / np.float32(255) for kind in ("gm", "wm"))
    near = distance_transform_edt(volume("t1") == 0) < 10
    hull = distance_transform_edt(near) >= 10  # the brain with its clefts closed
    outside = distance_transform_edt(~hull) - distance_transform_edt(hull)
    return np.stack([grey, white, outside]).astype(np.float32)


def _points():
    """Return where every finer pixel lies, in millimetres to the right, to the front and above: (3, slices, H, W)."""
    step = VOXEL / FINER
    down, across = (step * (np.arange(FINER * side) - (FINER * side - 1) / 2) for side in SIDES)
    front, up, right = np.meshgrid(MIDDLE[1] - down, HEIGHTS, MIDDLE[0] - across, indexing="ij")
    return np.stack([right, front, up]).swapaxes(1, 2)


def _field(rng, points, spacing):
    """Return smooth random values of mean 0 and spread 1 at the points, from one knot every `spacing` millimetres."""
    axes = (points[2, :, 0, 0], points[1, 0, :, 0], points[0, 0, 0])
    weights = []
    for axis in axes:
        knots = np.arange(-160, 161, spacing) + rng.uniform(0, spacing)
        away = np.abs(axis[:, None] - knots) / spacing
        weights.append(np.where(away < 1, 4 - 6 * away**2 + 3 * away**3, np.clip(2 - away, 0, None) ** 3) / 6)
    knots = rng.standard_normal([each.shape[1] for each in weights])
    power = prod((each**2).sum(1).mean() for each in weights)
    return np.einsum("zk,yj,xi,kji->zyx", *weights, knots, optimize=True) / np.sqrt(power)


def _edge(values, softness):
    """Return 1 where values are far above 0, 0 far below, with a soft edge."""
    return 1 / (1 + np.exp(-np.clip(values / softness, -30, 30)))


def _subject(template, number):
    """Return the slices of one subject: (5, slices, H, W) uint8, and their labels (slices, H, W) uint8."""
    rng, points = np.random.default_rng([19, number]), _points()
    tumour = None if number % 20 < HEALTHY else _plan(rng, template)
    tissues, outside = _anatomy(rng, points, template, tumour)
    lesions = _lesions(rng, points, tissues, outside, tumour)
    shares = [_coarse(np.eye(len(CLASSES), dtype=np.float32)[lesions][..., kind]) for kind in range(len(CLASSES))]
    confusers = _confusers(rng, points, tissues, outside, lesions)
    scans = _contrasts(rng, points, tissues, lesions, outside, confusers)
    return scans, np.argmax(shares, axis=0).astype(np.uint8)


def _plan(rng, template):
    """Return the middle of a tumour, how far it stretches along each axis, and its radius, in millimetres."""
    heights = np.array([-6, 46]) + ORIGIN[2] - SLAB.start
    _, white, outside = template[..., heights[0] : heights[1]]
    inside = np.argwhere((white > 0.7) & (outside < -14))
    middle = inside[rng.integers(len(inside))] + (0, 0, heights[0] + SLAB.start) - np.array(ORIGIN)
    return middle[:, None, None, None], np.exp(0.15 * rng.standard_normal((3, 1, 1, 1))), rng.uniform(11, 20)


def _anatomy(rng, points, template, tumour):
    """Return shares of fluid, grey and white matter (3, slices, h, w), and the distance to the brain's surface."""
    from scipy.ndimage import map_coordinates

    places = points
    if tumour is not None:  # it pushes what is around it aside
        middle, stretch, radius = tumour
        away = (points - middle) / stretch
        places = points - 0.3 * (points - middle) * np.exp(-(away**2).sum(0) / (2 * (1.3 * radius) ** 2))
    bend = np.eye(3) * rng.uniform(0.99, 1.1, 3) + rng.uniform(-0.04, 0.04, (3, 3))
    centre = np.array([*MIDDLE, 20.0])[:, None, None, None]
    places = centre + np.einsum("ij,jzyx->izyx", bend, places - centre)
    for spacing, size in ((45, 2.5), (18, 1.3)):
        shift = size * np.stack([_field(rng, points, spacing) for _ in range(3)])
        places = places + shift - shift.mean((1, 2, 3), keepdims=True)
    indices = places + np.array(ORIGIN)[:, None, None, None] - np.array([0, 0, SLAB.start])[:, None, None, None]
    grey, white, outside = (map_coordinates(each, indices, order=1, mode="nearest") for each in template)
    both = np.maximum(grey + white, 1e-6)
    fluid = np.clip(1 - both, 0, 1) ** rng.uniform(0.7, 1.3)  # wider or narrower clefts
    return np.stack([fluid, *((1 - fluid) * each / both for each in (grey, white))]), outside


def _lesions(rng, points, tissues, outside, tumour):
    """Return the label of every finer pixel: a core inside a rim inside oedema, which follows white matter."""
    labels = np.zeros(outside.shape, np.uint8)
    if tumour is None:
        return labels
    middle, stretch, radius = tumour
    away = np.sqrt((((points - middle) / stretch) ** 2).sum(0))
    across = points[0] * np.sign(middle[0] or 1) < 0
    away = away + across * np.minimum(3 * np.abs(points[0]), 8)  # it seldom crosses the midline
    core = away + 3 * _field(rng, points, 16) + 1.2 * _field(rng, points, 7)
    swollen = away + 4 * _field(rng, points, 18) + 1.5 * _field(rng, points, 8) - 14 * (tissues[2] - 0.5)
    rim = 0 if rng.random() < 0.2 else rng.uniform(4, 8)  # some do not enhance
    rim = rim * np.clip(1 + 0.6 * _field(rng, points, 12), 0, 2)
    inside = outside < -1.5
    labels[(swollen < radius + rng.uniform(3, 11)) & inside & (tissues[0] < 0.5)] = 2
    labels[(core < radius) & inside] = 3
    labels[(core < radius - rim) & inside] = 1
    return labels


def _confusers(rng, points, tissues, outside, lesions):
    """Return what is bright and no tumour: vessels, spots in white matter, bright fluid, blood or chalk in a tumour."""
    tube = np.hypot(_field(rng, points, 14), _field(rng, points, 14))
    vessels = _edge(0.14 - tube, 0.03) * (_edge(outside + 14, 2) + tissues[0]).clip(0, 1)
    deep = _edge(-outside - 12, 2) * tissues[2]
    spots = _edge(_field(rng, points, 8) - rng.uniform(2.2, 3.4), 0.1) * deep
    caps = _edge(_field(rng, points, 16) - rng.uniform(1.2, 3.0), 0.2) * deep
    flow = 0.5 * tissues[0] * _edge(_field(rng, points, 30) - rng.uniform(0.6, 2.0), 0.2)
    chalk = _edge(_field(rng, points, 7) - rng.uniform(1.4, 4.0), 0.15) * (lesions % 2)
    return {"vessels": vessels, "spots": np.maximum(spots, 0.6 * caps), "flow": flow, "chalk": chalk}


def _contrasts(rng, points, tissues, lesions, outside, confusers):
    """Return the five contrasts of one subject, (5, slices, H, W) uint8."""
    brain = _edge(-outside - 0.5, 0.6)
    shares = [lesions == label for label in (1, 2, 3)]
    extra = {
        "t1": -0.15 * confusers["spots"],
        "t1c": 0.6 * confusers["vessels"] - 0.15 * confusers["spots"],
        "t2": 0.35 * confusers["spots"] - 0.2 * confusers["vessels"],
        "flair": 0.35 * confusers["spots"] + confusers["flow"],
        "ct": -4 * confusers["spots"] + 45 * confusers["chalk"],
    }
    mask, scans = _coarse(brain), []
    for contrast, signals in SIGNALS.items():
        signals = np.array(signals) * (1 + JITTER * rng.standard_normal(6))
        plain, lesion = np.tensordot(signals[:3], tissues, 1), np.zeros_like(outside)
        for share, signal in zip(shares, signals[3:], strict=True):
            lesion += rng.uniform(*VISIBLE) * share * (signal - plain)
        signal = plain + _blurred(lesion) + extra[contrast]
        if contrast == "ct":
            bone = _edge(outside - SKULL[0], 0.5) * _edge(SKULL[1] + _field(rng, points, 40) - outside, 0.5)
            scans.append(_ct(rng, signal * brain + 900 * bone))
        else:
            bias = np.exp(BIAS * _coarse(_field(rng, points, 90)))
            scans.append(_mri(rng, _coarse(signal) * bias, mask))
    return np.stack(scans)


def _ct(rng, signal):
    """Return Hounsfield units in a window from black to white, with noise."""
    units = _coarse(signal)
    units += CT_NOISE * _grain(rng, units.shape) * (units > 1)
    return np.round(255 * np.clip(units / WINDOW, 0, 1)).astype(np.uint8)


def _mri(rng, signal, mask):
    """Return the magnitude of a noisy signal inside the brain; the brightest half percent of it is white."""
    noise = rng.uniform(*NOISE) * np.stack([_grain(rng, signal.shape) for _ in range(2)])
    signal = mask * np.hypot(signal + noise[0], noise[1])
    white = np.percentile(signal[mask > 0.5], 99.5)
    return np.round(255 * np.clip(signal / white, 0, 1)).astype(np.uint8)


def _grain(rng, shape):
    """Return noise of spread 1, a little smooth within each slice."""
    from scipy.ndimage import gaussian_filter

    grain = gaussian_filter(rng.standard_normal(shape), (0, 0.6, 0.6))
    return grain / grain.std()


def _blurred(values):
    """Return values with soft edges within each slice, as a tumour grows into what is around it."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(values, (0, 1.5, 1.5))


def _coarse(values):
    """Return the mean over the finer pixels of each pixel."""
    slices, height, width = values.shape
    return values.reshape(slices, height // FINER, FINER, width // FINER, FINER).mean((2, 4))


def brain_table(folder):
    """Return one row a slice: subject, part, height in mm, whether healthy, and pixels of each label.

    A pixel is a square of 3 mm, slices are 12 mm apart.
    """
    import pandas as pd

    labels = _stored(folder)[1]
    subjects = np.repeat(np.arange(len(labels)), len(HEIGHTS))
    columns = {
        "subject": subjects,
        "part": np.repeat(list(PARTS), list(PARTS.values()))[subjects],
        "height": np.tile(HEIGHTS, len(labels)),
        "healthy": subjects % 20 < HEALTHY,
    }
    counts = {name: (labels == label).sum((2, 3)).ravel() for label, name in enumerate(CLASSES) if label}
    return pd.DataFrame(columns | counts)


def load_brain(folder):
    """Return simulated slices of brains in five contrasts, and the label of every pixel; groups are subjects.

    Each subject has six axial slices, 12 mm apart, of 80 by 64 pixels of 3 mm: the front is at the top, the
    subject's right at the left. MRI (t1, t1c, t2, flair) is without skull as in BraTS, 0 outside the brain, and 1 for
    the brightest half percent of the subject's brain. CT shows 0 to 80 Hounsfield units as 0 to 1, and the skull.
    Labels: 0 background, 1 necrotic or not enhancing core, 2 oedema, 3 enhancing rim (4 in BraTS before 2023). 15 % of
    the subjects of each part have no tumour. Normalise as you like; nothing else is done to the intensities.

    Returns
    -------
    DataSplits
        Items ``{"t1": (1, 80, 64), "t1c": ..., "t2": ..., "flair": ..., "ct": ...}`` float32 in [0, 1]; target (80, 64)
        int64. 480, 120 and 240 slices of 80, 20 and 40 subjects; a subject's slices stand together, from below upwards.
    """
    from mmcourse.data.splits import DataSplits, Split

    scans, labels = _stored(folder)
    parts, borders = [], np.cumsum([0, *PARTS.values()])
    for first, last in itertools.pairwise(borders):
        images = {name: scans[first:last, row].reshape(-1, 1, *SIDES) for row, name in enumerate(CONTRASTS)}
        target = labels[first:last].reshape(-1, *SIDES).astype(np.int64)
        parts.append(Split(images, target, np.repeat(np.arange(first, last), len(HEIGHTS))))
    return DataSplits(*parts, classes=CLASSES)


def _stored(folder):
    with np.load(folder / "brain.npz", allow_pickle=False) as stored:
        return stored["scans"], stored["labels"]


BRAIN_RECIPE = (
    *(SIGNALS, PARTS, HEALTHY, HEIGHTS, SIDES, VOXEL, FINER, MIDDLE, SLAB, SKULL, VISIBLE, JITTER, BIAS, NOISE),
    *(CT_NOISE, WINDOW, _template, _points, _field, _edge, _subject, _plan, _anatomy, _lesions, _confusers),
    *(_contrasts, _ct, _mri, _grain, _blurred, _coarse),
)
