"""Pictures and sounds on disk, read when they are asked for."""

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmcourse.data.errors import DataError


@dataclass(frozen=True)
class Picture:
    """A picture on disk.

    Attributes
    ----------
    path : pathlib.Path or None
        None: there is no picture, it comes out black.
    size : (int, int)
        Height and width that it gets, in pixels.
    """

    path: Path | None
    size: tuple[int, int]

    def decode(self):
        """Return the middle of the picture, resized to fit; shape (3, height, width), uint8.

        Raises
        ------
        DataError
            The file is gone or damaged.
        """
        from PIL import Image, ImageOps

        if self.path is None:
            return np.zeros((3, *self.size), np.uint8)
        with _reading("picture", self.path, SyntaxError, Image.DecompressionBombError):
            with Image.open(self.path) as picture:
                picture.draft(None, (2 * self.size[1], 2 * self.size[0]))  # a large JPEG need not be read in full
                opaque = picture.convert("RGBA") if picture.mode == "P" else picture
                fitted = ImageOps.fit(opaque.convert("RGB"), self.size[::-1])
        return np.asarray(fitted).transpose(2, 0, 1)


@dataclass(frozen=True)
class Clip:
    """The start of a sound on disk.

    Attributes
    ----------
    path : pathlib.Path or None
        None: there is no sound, it comes out silent.
    rate : int
        Hertz.
    seconds : float
    """

    path: Path | None
    rate: int
    seconds: float

    def decode(self):
        """Return the sound in mono, shape (rate * seconds,), float32; a shorter file ends in silence.

        Raises
        ------
        DataError
            The file is gone or damaged.
        """
        import librosa
        import soundfile

        size = round(self.rate * self.seconds)
        if self.path is None:
            return np.zeros(size, np.float32)
        with _reading("sound", self.path), soundfile.SoundFile(self.path) as file:
            sound = file.read(round(self.seconds * file.samplerate), dtype="float32", always_2d=True).mean(axis=1)
            sound = librosa.resample(sound, orig_sr=file.samplerate, target_sr=self.rate)
        return librosa.util.fix_length(sound, size=size)


@contextmanager
def _reading(kind, path, *more):
    """Turn whatever a decoder raises into a DataError that names the file."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, *more) as error:
        raise DataError(f"The {kind} {path} is missing or damaged ({error}); unpack or save it again.") from error
