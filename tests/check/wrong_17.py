"""Wrong answers to lesson 17 that a learner plausibly gives, each with a part of the message it must get."""

import librosa
import numpy as np


def softmax(scores):
    shares = np.exp(scores - scores.max())
    return shares / shares.sum()


def padded(shares, keys):
    return np.concatenate([shares, np.zeros(len(keys) - len(shares))])


def over_padding_too(query, keys, values, weight, steps):
    attention = softmax(np.tanh(query + keys) @ weight)
    return attention @ values, attention


def only_the_steps(query, keys, values, weight, steps):
    attention = softmax(np.tanh(query + keys[:steps]) @ weight)
    return attention @ values[:steps], attention


def dot_product(query, keys, values, weight, steps):
    attention = padded(softmax(keys[:steps] @ query), keys)
    return attention[:steps] @ values[:steps], attention


def no_tanh(query, keys, values, weight, steps):
    attention = padded(softmax((query + keys[:steps]) @ weight), keys)
    return attention[:steps] @ values[:steps], attention


def no_query(query, keys, values, weight, steps):
    attention = padded(softmax(np.tanh(keys[:steps]) @ weight), keys)
    return attention[:steps] @ values[:steps], attention


def no_weight(query, keys, values, weight, steps):
    attention = padded(softmax(np.tanh(query + keys[:steps]).sum(1)), keys)
    return attention[:steps] @ values[:steps], attention


def no_softmax(query, keys, values, weight, steps):
    attention = padded(np.tanh(query + keys[:steps]) @ weight, keys)
    return attention[:steps] @ values[:steps], attention


def nan_values(query, keys, values, weight, steps):
    attention = padded(softmax(np.tanh(query + keys[:steps]) @ weight), keys)
    return attention @ values, attention


def best_alone(query, keys, values, weight, steps):
    attention = padded(softmax(np.tanh(query + keys[:steps]) @ weight), keys)
    return values[attention.argmax()], attention


def context_alone(query, keys, values, weight, steps):
    return only_the_steps(query, keys, values, weight, steps)[0]


def overflowing(query, keys, values, weight, steps):
    with np.errstate(all="ignore"):
        shares = np.exp(np.tanh(query + keys[:steps]) @ weight)
        attention = padded(shares / shares.sum(), keys)
    return attention[:steps] @ values[:steps], attention


def came_back(guess):
    return librosa.stft(librosa.istft(guess, hop_length=80), n_fft=256, hop_length=80)


def the_sound(magnitude, guess):
    return librosa.istft(magnitude * np.exp(1j * np.angle(came_back(guess))), hop_length=80)


def unchanged(magnitude, guess):
    return magnitude * np.exp(1j * np.angle(guess))


def own_magnitude(magnitude, guess):
    return came_back(guess)


def wrong_way_round(magnitude, guess):
    return np.abs(came_back(guess)) * np.exp(1j * np.angle(guess))


def times_everything(magnitude, guess):
    return magnitude * came_back(guess)


def wrong_sign(magnitude, guess):
    return magnitude * np.exp(-1j * np.angle(came_back(guess)))


def divided(magnitude, guess):
    new = came_back(guess)
    with np.errstate(all="ignore"):
        return magnitude * new / np.abs(new)


def magnitude_alone(magnitude, guess):
    return magnitude * np.angle(came_back(guess))


def in_place(magnitude, guess):
    guess[:] = magnitude * np.exp(1j * np.angle(came_back(guess)))
    return guess


def squeezed(x):
    return np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256)


def not_cut(x):
    return np.rint((squeezed(x) + 1) / 2 * 255).astype(int)


def evenly(x):
    return np.rint((np.clip(x, -1, 1) + 1) / 2 * 255).astype(int)


def cut_off(x):
    return ((squeezed(np.clip(x, -1, 1)) + 1) / 2 * 255).astype(int)


def times_256(x):
    return np.rint((squeezed(np.clip(x, -1, 1)) + 1) / 2 * 256).astype(int)


def sign_lost(x):
    x = np.clip(x, -1, 1)
    return np.rint((np.log1p(255 * np.abs(x)) / np.log(256) + 1) / 2 * 255).astype(int)


def not_divided(x):
    x = np.clip(x, -1, 1)
    return np.rint((np.sign(x) * np.log1p(255 * np.abs(x)) + 1) / 2 * 255).astype(int)


def around_zero(x):
    return np.rint(squeezed(np.clip(x, -1, 1)) * 127.5).astype(int)


def floats(x):
    return np.rint((squeezed(np.clip(x, -1, 1)) + 1) / 2 * 255)


def late(x, dilation, first=0.0):
    return np.concatenate([np.full(dilation, first), x])[: len(x)]


def ahead(x, weights, dilation):
    return weights[0] * np.concatenate([x, np.zeros(dilation)])[dilation:] + weights[1] * x


def swapped(x, weights, dilation):
    return weights[1] * late(x, dilation) + weights[0] * x


def rolled(x, weights, dilation):
    return weights[0] * np.roll(x, dilation) + weights[1] * x


def repeated(x, weights, dilation):
    return weights[0] * late(x, dilation, x[0]) + weights[1] * x


def no_dilation(x, weights, dilation):
    return weights[0] * late(x, 1) + weights[1] * x


def one_further(x, weights, dilation):
    return weights[0] * late(x, dilation + 1) + weights[1] * x


def shorter(x, weights, dilation):
    return weights[0] * x[:-dilation] + weights[1] * x[dilation:]


WRONG = {
    "17.1": [
        (over_padding_too, "padding must get no attention"),
        (only_the_steps, "one number for every step"),
        (dot_product, "dot products"),
        (no_tanh, "tanh is missing"),
        (no_query, "query is not used"),
        (no_weight, "`weight` is not used"),
        (no_softmax, "softmax"),
        (nan_values, "even NaN"),
        (best_alone, "not the best one alone"),
        (context_alone, "two things"),
        (overflowing, "overflow"),
    ],
    "17.2": [
        (the_sound, "not the sound"),
        (unchanged, "nothing changed"),
        (own_magnitude, "magnitudes back"),
        (wrong_way_round, "wrong way round"),
        (times_everything, "only its phases"),
        (wrong_sign, "wrong sign"),
        (divided, "silence has no phase"),
        (magnitude_alone, "complex numbers"),
        (in_place, "you changed `guess`"),
    ],
    "17.3": [
        (not_cut, "cut off"),
        (evenly, "evenly spaced"),
        (cut_off, "nearest"),
        (times_256, "multiply with 255"),
        (sign_lost, "sign is lost"),
        (not_divided, "divide by log(256)"),
        (around_zero, "levels begin at 0"),
        (floats, "whole numbers"),
    ],
    "17.4": [
        (ahead, "looks ahead"),
        (swapped, "swapped"),
        (rolled, "np.roll"),
        (repeated, "not the first sample again"),
        (no_dilation, "not always one"),
        (one_further, "one further"),
        (shorter, "as many numbers as x has"),
    ],
    "17.5": [
        (lambda dilations, taps: (taps - 1) * sum(dilations), "own place"),
        (lambda dilations, taps: 1 + sum(dilations), "more taps"),
        (lambda dilations, taps: 1 + taps * sum(dilations), "not taps"),
        (lambda dilations, taps: 1 + (taps - 1) * max(dilations, default=0), "all layers add up"),
        (lambda dilations, taps: 1 + (taps - 1) * len(dilations), "without dilation"),
        (lambda dilations, taps: taps ** len(dilations), "grow as its powers"),
    ],
}
