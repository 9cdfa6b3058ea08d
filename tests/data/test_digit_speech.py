"""The spoken digit strings: every voice speaks what the text says, no voice is in two parts, and times are true."""

import numpy as np
import pytest
from toys import parts

from mmcourse import data
from mmcourse.data import digit_speech
from mmcourse.data.voice import speak_phonemes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("digit_speech")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digit_speech, "STRINGS", {"train": 2, "valid": 2, "test": 2, "one": 8})
        patch.setattr(digit_speech, "ONE_PARTS", (4, 1, 3))
        digit_speech.build_digit_speech([], path)
        yield path


def test_a_second_build_is_equal(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(digit_speech, "STRINGS", {"train": 2, "valid": 2, "test": 2, "one": 8})
    digit_speech.build_digit_speech([], tmp_path)
    for name in ("audio.npz", "strings.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_no_voice_and_no_variant_is_in_two_parts():
    names = [name for voices in digit_speech.VOICES.values() for name in voices]
    variants = [name.partition("+")[2] for name in names]
    assert len(set(variants)) == len(variants) == 29


def test_every_part_has_its_voices_and_sound(folder, monkeypatch):
    monkeypatch.setattr(digit_speech, "ONE_PARTS", (4, 1, 3))
    many, one = digit_speech.load_digit_speech(folder), digit_speech.load_digit_speech(folder, voice="one")
    for splits, sizes in ((many, (32, 8, 16)), (one, (4, 1, 3))):
        assert tuple(map(len, parts(splits))) == sizes
    for name, split in zip(("train", "valid", "test"), parts(many), strict=True):
        assert set(split.groups) == set(digit_speech.VOICES[name])
    for split in (*parts(many), *parts(one)):
        for item, text in split:
            assert set(text.split()) <= set(digit_speech.DIGITS)
            assert 1 <= len(text.split()) == len(item["times"]) - 1 <= 4
            assert item["audio"].dtype == item["times"].dtype
            assert item["audio"].abs().max() == pytest.approx(0.8, abs=0.01)


def test_times_are_those_of_the_sound(folder):
    """Silence before the first digit and after the last one, and a digit alone begins as it does in its string."""
    for item, _ in digit_speech.load_digit_speech(folder).test:
        sound, times = item["audio"].numpy(), item["times"].numpy()
        assert 0.1 <= times[0] <= 0.35
        assert (np.diff(times) > 0.08).all()
        first, last = int(8000 * times[0]), int(8000 * times[-1])
        assert np.abs(sound[: first - 80]).max() < 0.02
        assert np.abs(sound[last + 1200 :]).max(initial=0) < 0.02
        assert np.abs(sound[first:last]).max() > 0.7


@pytest.mark.parametrize("voice", ["en", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan"])
def test_digits_begin_with_the_phonemes_they_have_alone(voice):
    for text in ("four eight three one", "zero seven six two", "nine five one one"):
        times = digit_speech.say_digits(text, voice, 150, 50)[1]
        _, rate, phonemes = speak_phonemes(text, voice, 150)
        named = {round(sample / rate, 6): name for name, sample in phonemes}
        alone = [speak_phonemes(digit, voice, 150)[2][0][0].strip("ˈˌ") for digit in text.split()]
        assert [named[round(time, 6)].strip("ˈˌ") for time in times[:-1]] == alone


def test_resampling_keeps_the_sound_below_4000_hertz():
    sound, _ = digit_speech.say_digits("seven", "en", 150, 50)
    original, rate, _ = speak_phonemes("seven", "en", 150)
    ours, theirs = np.abs(np.fft.rfft(sound)), np.abs(np.fft.rfft(original))
    hertz, same = np.arange(100, 3000), len(original) / rate
    ours, theirs = (np.interp(hertz, np.arange(len(s)) / same, s / s[: int(3000 * same)].max()) for s in (ours, theirs))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99


def test_voices_differ_more_than_strings_of_one_voice():
    """The mean spectrum of a voice: nearest is the same voice with other digits, for most of the 29 voices."""
    voices = [name for names in digit_speech.VOICES.values() for name in names]

    def spectrum(text, voice):
        sound = digit_speech.say_digits(text, voice, 160, 50)[0]
        return np.log(np.abs(np.lib.stride_tricks.sliding_window_view(np.fft.rfft(sound, 16000), 20)[::20]).mean(1))

    texts = ("zero one two three four five six seven eight nine", "nine three zero eight one six four two seven five")
    first, second = ([spectrum(text, voice) for voice in voices] for text in texts)
    nearest = [int(np.argmin([np.square(a - b).mean() for b in second])) for a in first]
    assert np.mean(np.array(nearest) == np.arange(len(voices))) > 0.8


def test_bad_option():
    with pytest.raises(ValueError, match="voice must be 'many' or 'one', not 'two'"):
        data.load("digit_speech", voice="two")
