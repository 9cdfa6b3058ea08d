"""The synthesiser speaks, repeats itself exactly, and never speaks in a voice that was not asked for."""

import itertools
import subprocess
import sys

import librosa
import numpy as np
import pytest

from mmcourse.data import voice
from mmcourse.data.images import LANGUAGES
from mmcourse.data.voice import VOICES, speak, speak_phonemes

HELLO = {
    "en": "good morning",
    "ar": "صباح الخير",
    "de": "guten Morgen",
    "es": "buenos días",
    "fa": "صبح بخیر",
    "fr": "bonjour",
    "id": "selamat pagi",
    "it": "buongiorno",
    "ko": "좋은 아침",
    "pt": "bom dia",
    "ru": "доброе утро",
    "tr": "günaydın",
    "zh": "早上好",
}


@pytest.mark.parametrize("language", VOICES)
def test_every_language_speaks(language):
    samples, rate = speak(HELLO[language], language)
    assert rate == 22050
    assert samples.dtype == np.float32
    assert 0.3 < len(samples) / rate < 3
    assert 0.02 < np.sqrt(np.mean(samples**2)) < 0.5
    assert np.abs(samples).max() <= 1


def test_the_languages_are_those_of_the_emoji_but_for_japanese():
    assert set(VOICES) == set(LANGUAGES) - {"ja"}


def test_a_text_sounds_the_same_whatever_was_said_before():
    first, _ = speak("hello world")
    speak("etwas ganz anderes", "de", rate=300)
    again, _ = speak("hello world")
    assert np.array_equal(first, again)


def test_and_in_another_process():
    code = "from mmcourse.data.voice import speak; import hashlib; print(hashlib.sha256(speak('hello world')[0]).hexdigest())"
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in "12"
    }
    import hashlib

    assert runs == {hashlib.sha256(speak("hello world")[0]).hexdigest() + "\n"}


def test_voices_and_rates_differ():
    text = "one two three four five"
    english, german = speak(text)[0], speak(text, "de")[0]
    assert len(english) != len(german) or not np.array_equal(english, german)
    assert len(speak(text, rate=350)[0]) < 0.7 * len(english)
    assert len(speak(text, "en+f3")[0]) > 0


@pytest.mark.parametrize("name", ["", "xx-nope", "en+nope", "../../en", "english teacher"])
def test_an_unknown_voice_raises_and_does_not_speak(name):
    with pytest.raises(ValueError, match="there is no voice"):
        speak("hello", name)
    assert np.array_equal(speak("hello")[0], speak("hello", "en")[0])


@pytest.mark.parametrize("text", ["", "  \n", "a\0b", "..."])
def test_nothing_to_say(text):
    with pytest.raises(ValueError, match="nothing to say"):
        speak(text)


def test_pitch_is_higher_when_asked():
    def cycles(pitch):
        samples, rate = speak("nine nine nine", pitch=pitch)
        return np.median(librosa.yin(samples, fmin=60, fmax=300, sr=rate))

    assert cycles(10) < 0.9 * cycles(50) < 0.8 * cycles(90)
    assert np.array_equal(speak("seven")[0], speak("seven", pitch=50)[0])


@pytest.mark.parametrize("pitch", [-1, 100])
def test_pitches_out_of_range(pitch):
    with pytest.raises(ValueError, match=f"pitch must lie between 0 and 99, not {pitch}"):
        speak("hello", pitch=pitch)


@pytest.mark.parametrize("rate", [0, 79, 451])
def test_rates_out_of_range(rate):
    with pytest.raises(ValueError, match="between 80 and 450"):
        speak("hello", rate=rate)


def test_longer_texts_take_longer():
    short, rate = speak("seven")
    long, _ = speak("seven, " * 20)
    assert len(long) > 10 * len(short)
    assert len(short) / rate > 0.2


def test_phonemes_and_their_times():
    samples, rate, phonemes = speak_phonemes("bin blue")
    assert np.array_equal(samples, speak("bin blue")[0])
    names, starts = zip(*phonemes, strict=True)
    assert [name.strip("ˈˌː") for name in names if name] == ["b", "ɪ", "n", "b", "l", "u"]
    assert names[-1] == ""
    assert list(starts) == sorted(starts)
    assert 0 <= starts[0] < starts[-1] <= len(samples)
    loud = [np.sqrt(np.mean(samples[a:b] ** 2)) for a, b in itertools.pairwise(starts) if b > a]
    assert loud[1] > loud[0]  # the vowel after the closed lips
    assert loud[1] > 10 * max(loud[-1], 1e-9)
    slow = speak_phonemes("bin blue", rate=100)[2]
    assert [name for name, _ in slow] == list(names)
    assert slow[-1][1] > 1.3 * starts[-1]
    assert rate == 22050


def test_a_library_that_cannot_be_opened(monkeypatch, tmp_path):
    import espeakng_loader

    monkeypatch.setattr(espeakng_loader, "get_library_path", lambda: str(tmp_path / "absent.so"))
    with pytest.raises(RuntimeError, match="reinstall it"):
        speak("hello")


def test_every_return_code_is_looked_at(monkeypatch):
    with pytest.raises(RuntimeError, match=r"could not speak \(code 1\)"):
        voice._check(1, "speak")
