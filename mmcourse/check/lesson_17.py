"""Checks of lesson 17: one look of attention, one round of Griffin-Lim, mu-law levels, a causal convolution, its field."""

import numpy as np

from mmcourse.check.engine import close, exercise, require


@exercise("17.1")
def ex17_1(attend):
    """Additive attention over the steps that count."""
    rng = np.random.default_rng(0)
    query, keys, values, weight = (rng.standard_normal(shape) for shape in (3, (6, 3), (6, 4), 3))
    keys[4:], values[4:] = 1e3, np.nan
    answer = attend(query, keys.copy(), values.copy(), weight, 4)
    pair = isinstance(answer, tuple) and len(answer) == 2
    require(pair, "return two things, the context and the attention")
    context, attention = (np.asarray(one, dtype=float) for one in answer)
    require(attention.shape != (4,), "the attention should have one number for every step, 0 on the padding")
    require(attention.shape == (6,), f"the attention has shape {attention.shape}, it should have (6,)")
    require(close(attention[4:], [0, 0]), "steps that are padding must get no attention at all")
    scores = np.tanh(query + keys[:4]) @ weight
    right = np.exp(scores) / np.exp(scores).sum()
    require(not close(attention[:4], scores), "these are the scores; put them through a softmax")
    require(not close(attention[:4], np.full(4, 0.25)), "every step gets the same; the query and the keys must decide")
    require(close(attention.sum(), 1), "the attention must add up to 1 over the steps that count")
    linear, dotted = ((query + keys[:4]) @ weight, keys[:4] @ query)
    for wrong, message in (
        (linear, "the tanh is missing"),
        (dotted, "these are dot products of query and keys; here the score is weight · tanh(query + key)"),
        (np.tanh(keys[:4]) @ weight, "the query is not used"),
        (np.tanh(query + keys[:4]).sum(1), "`weight` is not used"),
    ):
        require(not close(attention[:4], np.exp(wrong) / np.exp(wrong).sum()), message)
    require(
        close(attention[:4], right), f"the attention is {np.round(right, 3)} here, yours {np.round(attention[:4], 3)}"
    )
    require(np.isfinite(context).all(), "the padding's values reached the context; they may hold anything, even NaN")
    require(context.shape == (4,), f"the context has shape {context.shape}, it should have (4,), as a value has")
    require(not close(context, values[right.argmax()]), "take the weighted sum of all values, not the best one alone")
    require(close(context, right @ values[:4]), "the context is not the sum of the values, weighted with the attention")
    large = attend(1000 * np.ones(1), np.zeros((2, 1)), np.array([[1.0], [3.0]]), 2000 * np.ones(1), 2)[1]
    require(np.isfinite(large).all(), "large scores overflow in exp; subtract the largest one first")


@exercise("17.2")
def ex17_2(griffin_lim_step):
    """The phases of the sound's own spectrogram, with the magnitudes that are wanted."""
    import librosa

    rng = np.random.default_rng(0)
    magnitude = rng.uniform(0.5, 2, (129, 30))
    guess = magnitude * np.exp(2j * np.pi * rng.uniform(size=(129, 30)))
    given = guess.copy()
    answer = np.asarray(griffin_lim_step(magnitude, given))
    require(np.array_equal(given, guess), "you changed `guess`; make a new array")
    require(answer.ndim == 2, "return a spectrogram (129, T), not the sound")
    require(
        answer.shape == (129, 30), f"the result has shape {answer.shape}, it should have (129, 30), as the guess has"
    )
    require(np.iscomplexobj(answer), "return complex numbers: a magnitude alone has no phase")
    sound = librosa.istft(guess, hop_length=80)
    new = librosa.stft(sound, n_fft=256, hop_length=80)
    phase = np.exp(1j * np.angle(new))
    for wrong, message in (
        (guess, "nothing changed: go to sound and back, and take the phases of what comes back"),
        (new, "put the wanted magnitudes back: this is the sound's own spectrogram"),
        (
            np.abs(new) * np.exp(1j * np.angle(guess)),
            "the wrong way round: wanted are the old magnitudes and new phases",
        ),
        (magnitude * new, "divide the new spectrogram by its own magnitude first: only its phases are wanted"),
        (magnitude * phase.conj(), "the phases have the wrong sign"),
        (magnitude * np.exp(1j * np.angle(new.real)), "take the phase of the complex number, not of its real part"),
    ):
        require(not close(answer, wrong, tol=1e-4), message)
    require(close(np.abs(answer), magnitude, tol=1e-4), "the magnitudes are not those that are wanted")
    require(close(answer, magnitude * phase, tol=1e-4), "the phases are not those of stft(istft(guess))")
    guess[:, 8:24] = 0
    with np.errstate(all="ignore"):
        quiet = np.asarray(griffin_lim_step(magnitude, guess))
    require(np.isfinite(quiet).all(), "NaN where the new spectrogram is 0: silence has no phase; np.angle says 0 there")


@exercise("17.3")
def ex17_3(to_levels):
    """The mu-law, rounded to 256 levels."""
    x = np.array([-1, -0.3, -0.01, 0, 0.001, 0.01, 0.5, 0.77, 1, 2, -3])
    given = x.copy()
    answer = np.asarray(to_levels(given))
    require(np.array_equal(given, x), "you changed `x`; make a new array")
    require(answer.shape == x.shape, f"{len(x)} samples need {len(x)} levels; yours have shape {answer.shape}")
    require(answer[-2] == answer[-3] and answer[-1] == answer[0], "cut off what lies outside [-1, 1]: 2 is as 1")
    cut = np.clip(x, -1, 1)
    squeezed = np.sign(cut) * np.log1p(255 * np.abs(cut)) / np.log(256)
    place = (squeezed + 1) / 2 * 255
    for wrong, message in (
        (np.rint((cut + 1) / 2 * 255), "these levels are evenly spaced; squeeze with the logarithm first"),
        (np.floor(place), "round to the nearest level; int() cuts off"),
        (np.rint((squeezed + 1) / 2 * 256), "the highest level is 255, so multiply with 255"),
        (
            np.rint((np.abs(squeezed) + 1) / 2 * 255),
            "the sign is lost: negative samples get the levels of positive ones",
        ),
        (np.rint((np.sign(cut) * np.log1p(255 * np.abs(cut)) + 1) / 2 * 255), "divide by log(256), so that 1 stays 1"),
    ):
        require(not np.array_equal(answer, wrong), message)
    require(answer.min() >= 0, "levels begin at 0: that of the sample -1; silence lies in the middle")
    require(answer.dtype.kind in "iu", f"levels are whole numbers, an int array; yours is {answer.dtype}")
    for sample, level, mine in zip(x, np.rint(place).astype(int), answer, strict=True):
        require(level == mine, f"the sample {sample:g} has level {level}, yours is {mine}")


@exercise("17.4")
def ex17_4(causal):
    """Two taps, `dilation` apart, and nothing from ahead."""
    x, weights = np.array([1.0, 2, 3, 5, 8, 13]), (10.0, 1.0)
    given = x.copy()
    answers = {d: np.asarray(causal(given, weights, d), dtype=float) for d in (1, 2, 3, 9)}
    require(np.array_equal(given, x), "you changed `x`; make a new array")
    for d, answer in answers.items():
        require(answer.shape == x.shape, f"with dilation {d} give as many numbers as x has, 6; yours: {answer.shape}")
    zeros = np.zeros(20)
    late = {d: np.concatenate([zeros[:d], x])[:6] for d in answers}
    mistakes = {
        "it looks ahead: y may depend on x[n - d] and x[n], never on x[n + d]": lambda d: (
            10 * np.concatenate([x, zeros])[d : d + 6] + x
        ),
        "the weights are swapped: the first one belongs to the older sample": lambda d: late[d] + 10 * x,
        "the end of x came back at its beginning (np.roll); before the first sample there is 0": lambda d: (
            10 * np.roll(x, d) + x
        ),
        "before the first sample there is 0, not the first sample again": lambda d: (
            10 * np.concatenate([np.full(d, x[0]), x])[:6] + x
        ),
        "the older sample lies `dilation` back, not always one": lambda d: 10 * late[1] + x,
        "the older sample lies `dilation` back; yours lies one further": lambda d: (
            10 * np.concatenate([zeros[: d + 1], x])[:6] + x
        ),
    }
    for message, mistake in mistakes.items():
        require(not all(close(answers[d], mistake(d)) for d in (1, 2, 3)), message)
    for d, answer in answers.items():
        right = 10 * late[d] + x
        require(close(answer, right), f"with dilation {d}, {x} gives {right}; yours gives {answer}")


@exercise("17.5")
def ex17_5(field):
    """Samples that one output depends on."""
    cases = [([1, 2, 4], 2), ([], 2), ([1, 2, 4, 8], 3), ([5], 2), ([1, 1, 1], 4)]
    answers = [field(list(dilations), taps) for dilations, taps in cases]
    mistakes = {
        "count the output's own place, too: add 1": lambda d, k: (k - 1) * sum(d),
        "with more taps a layer reaches further: (taps - 1) times its dilation": lambda d, k: 1 + sum(d),
        "a layer with `taps` samples reaches (taps - 1) dilations back, not taps": lambda d, k: 1 + k * sum(d),
        "all layers add up, not just the one that reaches furthest": lambda d, k: 1 + (k - 1) * max(d, default=0),
        "this is the view without dilation: each layer adds its dilation": lambda d, k: 1 + (k - 1) * len(d),
        "taps ** layers is right only when dilations grow as its powers": lambda d, k: k ** len(d),
    }
    for message, mistake in mistakes.items():
        require(answers != [mistake(*case) for case in cases], message)
    for (dilations, taps), answer in zip(cases, answers, strict=True):
        right = 1 + (taps - 1) * sum(dilations)
        require(answer == right, f"field({dilations}, {taps}) is {right}, yours is {answer}")
