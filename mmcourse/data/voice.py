"""Speech from text: the eSpeak NG synthesiser, called through ctypes.

A formant synthesiser: robotic, but small, quick, repeatable and at home in a hundred languages.
"""

import ctypes
import itertools
import threading
from contextlib import contextmanager

import numpy as np

# Voice by language code, for the languages of the emoji names. Japanese has no entry: the synthesiser reads kana only
# and announces each kanji as a "Chinese letter" instead of reading it.
VOICES = {code: code for code in ("en", "ar", "de", "es", "fa", "fr", "id", "it", "ko", "pt", "ru", "tr")} | {
    "zh": "cmn"
}
RATES, PITCHES = (80, 450), (0, 99)
DEFAULT_RATE, DEFAULT_PITCH = 175, 50

# Names in the library's header: AUDIO_OUTPUT_SYNCHRONOUS, espeakCHARS_UTF8, espeakRATE, espeakPITCH.
_SYNCHRONOUS, _UTF8, _RATE, _PITCH = 2, 1, 1, 3
_OPTIONS = 1 | 2 | 0x8000  # phoneme events, in the phonetic alphabet; never end the process on an error
_NOT_FOUND = 2
_PHONEME = 7  # type of an event


class _Event(ctypes.Structure):
    """espeak_EVENT of the library's header; an array of them ends with type 0."""

    _fields_ = [
        *((name, ctypes.c_int) for name in ("type", "number", "text_position", "length", "milliseconds", "sample")),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
_REINSTALL = "reinstall it: python -m pip install --force-reinstall espeakng-loader"
_LOCK = threading.Lock()


def speak(text, voice="en", rate=None, pitch=None):
    """Say a text.

    Parameters
    ----------
    text : str
    voice : str
        A language code of ``VOICES``, or any voice of the synthesiser (``"en-us"``, ``"en+f3"`` ...).
    rate : int, optional
        Words a minute, 80 to 450; 175 by default.
    pitch : int, optional
        0 to 99; 50, the voice's own, by default.

    Returns
    -------
    samples : array, shape (N,), float32
        In [-1, 1].
    sample_rate : int
        Samples a second.

    Raises
    ------
    ValueError
        Empty text, unknown voice, or a rate or pitch out of range.
    RuntimeError
        The synthesiser is not installed properly.
    """
    return speak_phonemes(text, voice, rate, pitch)[:2]


def speak_phonemes(text, voice="en", rate=None, pitch=None):
    """Say a text, and tell when each of its phonemes begins.

    Parameters and errors: see :func:`speak`.

    Returns
    -------
    samples : array, shape (N,), float32
    sample_rate : int
    phonemes : list of (str, int)
        In the phonetic alphabet (at most 8 bytes each; a pause is an empty string), with the number of the sample at
        which it begins, in order.
    """
    if not text.strip() or "\0" in text:
        raise ValueError(f"there is nothing to say in the text {text!r}")
    rate = DEFAULT_RATE if rate is None else rate
    if not RATES[0] <= rate <= RATES[1]:
        raise ValueError(f"rate must lie between {RATES[0]} and {RATES[1]} words a minute, not {rate}")
    pitch = DEFAULT_PITCH if pitch is None else pitch
    if not PITCHES[0] <= pitch <= PITCHES[1]:
        raise ValueError(f"pitch must lie between {PITCHES[0]} and {PITCHES[1]}, not {pitch}")
    with _LOCK, _library() as (library, sample_rate):
        samples, phonemes = _synthesise(library, text, VOICES.get(voice, voice), int(rate), int(pitch))
    if not samples.any():
        raise ValueError(f"the voice {voice!r} finds nothing to say in the text {text!r}")
    return samples, sample_rate, phonemes


def _synthesise(library, text, voice, rate, pitch):
    chunks, phonemes = [], []

    @_CALLBACK
    def collect(samples, count, events):
        if samples and count > 0:
            chunks.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        for event in itertools.takewhile(lambda event: event.type, map(events.__getitem__, itertools.count())):
            if event.type == _PHONEME:
                phonemes.append((event.name.decode("utf-8", "ignore"), event.sample))
        return 0

    variant = voice.partition("+")[2]
    status = library.espeak_SetVoiceByName(voice.encode())
    if status == _NOT_FOUND or (variant and variant not in _variants()):  # the library itself would go on regardless
        raise ValueError(f"there is no voice {voice!r}; languages with one: {', '.join(VOICES)}")
    _check(status, "set the voice")
    _check(library.espeak_SetParameter(_RATE, rate, 0), "set the rate")
    _check(library.espeak_SetParameter(_PITCH, pitch, 0), "set the pitch")
    library.espeak_SetSynthCallback(collect)
    encoded = text.encode() + b"\0"
    _check(library.espeak_Synth(encoded, len(encoded), 0, 0, 0, _UTF8, None, None), "speak")
    _check(library.espeak_Synchronize(), "finish speaking")
    return np.concatenate([np.zeros(0, np.int16), *chunks]).astype(np.float32) / 32768, phonemes


def _variants():
    from pathlib import Path

    import espeakng_loader

    return {path.name for path in Path(espeakng_loader.get_data_path(), "voices", "!v").iterdir()}


def _check(status, what):
    if status != 0:
        raise RuntimeError(f"the speech synthesiser could not {what} (code {status})")


@contextmanager
def _library():
    """Open the library for one text, and close it again: what it said before would change the wobble of its pitch."""
    import espeakng_loader

    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except OSError as error:
        raise RuntimeError(f"the speech synthesiser cannot be opened ({error}); {_REINSTALL}") from error
    try:
        _declare(library)
        sample_rate = library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), _OPTIONS)
        if sample_rate <= 0:
            raise RuntimeError(f"the speech synthesiser did not start; {_REINSTALL}")
        library.espeak_ng_SetRandSeed(0)
        yield library, sample_rate
        library.espeak_Terminate()
    finally:
        import _ctypes

        close = getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary
        close(library._handle)


def _declare(library):
    """Tell ctypes the types that it cannot guess."""
    text, position = (ctypes.c_char_p, ctypes.c_size_t), (ctypes.c_uint, ctypes.c_int, ctypes.c_uint)
    library.espeak_Synth.argtypes = [*text, *position, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p]
    library.espeak_SetSynthCallback.argtypes = [_CALLBACK]
    library.espeak_SetSynthCallback.restype = None
    library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
