"""Pictures, sounds and videos on disk, read when they are asked for."""

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


@dataclass(frozen=True)
class Frames:
    """A video on disk as a folder of pictures, in the order of their names.

    Attributes
    ----------
    folder : pathlib.Path
    size : (int, int)
        Height and width.
    stride : int
        Every how many pictures one is used.
    """

    folder: Path
    size: tuple[int, int]
    stride: int = 1

    def decode(self):
        """Return the video, shape (T, 3, height, width), uint8; a DataError if a picture is damaged or none is there."""
        paths = sorted(self.folder.glob("*.png"))[:: self.stride]
        if not paths:
            raise DataError(f"The folder {self.folder} holds no pictures; unpack it again.")
        return np.stack([Picture(path, self.size).decode() for path in paths])


@dataclass(frozen=True)
class Video:
    """A video file on disk.

    Attributes
    ----------
    path : pathlib.Path
    size : (int, int)
        Height and width.
    box : (float, float, float, float)
        What is cut out: top, left, bottom and right, as shares of the height and width.
    least : int
        It is damaged if it has fewer frames.
    """

    path: Path
    size: tuple[int, int]
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    least: int = 1

    def decode(self):
        """Return the video, shape (T, 3, height, width), uint8; a DataError if the file is gone or damaged."""
        import av

        with _reading("video", self.path, IndexError, av.FFmpegError):
            with av.open(str(self.path)) as file:
                frames = [self._fitted(frame.to_image()) for frame in file.decode(video=0)]
            if len(frames) < self.least:
                raise ValueError(f"it has {len(frames)} frames of at least {self.least}")
        return np.stack(frames).transpose(0, 3, 1, 2)

    def _fitted(self, picture):
        top, left, bottom, right = self.box
        box = (left * picture.width, top * picture.height, right * picture.width, bottom * picture.height)
        return np.asarray(picture.resize(self.size[::-1], box=box))


@contextmanager
def _reading(kind, path, *more):
    """Turn whatever a decoder raises into a DataError that names the file."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, *more) as error:
        raise DataError(f"The {kind} {path} is missing or damaged ({error}); unpack or save it again.") from error
