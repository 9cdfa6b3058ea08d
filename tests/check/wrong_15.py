"""Wrong answers to lesson 15 that a learner plausibly gives, each with a part of the message it must get."""

import torch
from torch.nn import functional


def soft(logits, uniform, temperature):
    return ((logits - (-uniform.log()).log()) / temperature).softmax(1)


def hot(y):
    return functional.one_hot(y.argmax(1), y.shape[1]).to(y.dtype)


def through(hard, y):
    return hard + (y - y.detach())


def without_noise(logits, uniform, temperature):
    y = (logits / temperature).softmax(1)
    return through(hot(y), y)


def noise_taken_away(logits, uniform, temperature):
    y = ((logits + (-uniform.log()).log()) / temperature).softmax(1)
    return through(hot(y), y)


def uniform_added(logits, uniform, temperature):
    y = ((logits + uniform) / temperature).softmax(1)
    return through(hot(y), y)


def wrong_axis(logits, uniform, temperature):
    y = ((logits - (-uniform.log()).log()) / temperature).softmax(0)
    return through(hot(y), y)


def no_gradient(logits, uniform, temperature):
    return hot(soft(logits, uniform, temperature))


def detached_twice(logits, uniform, temperature):
    y = soft(logits, uniform, temperature)
    return hot(y) + 0 * y


def no_temperature(logits, uniform, temperature):
    y = soft(logits, uniform, 1.0)
    return through(hot(y), y)


def turned_gradient(logits, uniform, temperature):
    y = soft(logits, uniform, temperature)
    return hot(y) + (y.detach() - y)


def double_gradient(logits, uniform, temperature):
    y = soft(logits, uniform, temperature)
    return hot(y) + 2 * (y - y.detach())


def axes(t):
    return t.view(-1, 1, 1, 1)


def time_turned(x, noise, t):
    return axes(t) * x + (1 - axes(t)) * noise, noise - x


def last_axis(x, noise, t):
    return (1 - t) * x + t * noise, noise - x


def no_fading(x, noise, t):
    return x + axes(t) * noise, noise - x


def roots(x, noise, t):
    return (1 - axes(t)).sqrt() * x + axes(t).sqrt() * noise, noise - x


def one_time(x, noise, t):
    return (1 - t[0]) * x + t[0] * noise, noise - x


def keeps_variance(x, noise, t):
    share = 1 - axes(t)
    return share * x + (1 - share**2).sqrt() * noise, noise - x


def swapped(x, noise, t):
    return noise - x, (1 - axes(t)) * x + axes(t) * noise


def velocity_turned(x, noise, t):
    return (1 - axes(t)) * x + axes(t) * noise, x - noise


def only_noise(x, noise, t):
    return (1 - axes(t)) * x + axes(t) * noise, noise


def velocity_times_t(x, noise, t):
    return (1 - axes(t)) * x + axes(t) * noise, axes(t) * (noise - x)


def only_point(x, noise, t):
    return (1 - axes(t)) * x + axes(t) * noise


def forwards(velocity, noise, steps):
    x = noise
    for k in range(steps):
        x = x - velocity(x, k / steps) / steps
    return x


def asked_at_the_end(velocity, noise, steps):
    x = noise
    for k in range(steps):
        x = x - velocity(x, 1 - (k + 1) / steps) / steps
    return x


def asked_in_the_middle(velocity, noise, steps):
    x = noise
    for k in range(steps):
        x = x - velocity(x, 1 - (k + 0.5) / steps) / steps
    return x


def linspace_of_steps(velocity, noise, steps):
    x = noise
    for t in torch.linspace(1, 0, steps).tolist():
        x = x - velocity(x, t) / steps
    return x


def one_step_too_many(velocity, noise, steps):
    x = noise
    for k in range(steps + 1):
        x = x - velocity(x, 1 - k / steps) / steps
    return x


def sign_turned(velocity, noise, steps):
    x = noise
    for k in range(steps):
        x = x + velocity(x, 1 - k / steps) / steps
    return x


def whole_steps(velocity, noise, steps):
    x = noise
    for k in range(steps):
        x = x - velocity(x, 1 - k / steps)
    return x


def always_at_the_noise(velocity, noise, steps):
    x = noise
    for k in range(steps):
        x = x - velocity(noise, 1 - k / steps) / steps
    return x


def in_place(velocity, noise, steps):
    for k in range(steps):
        noise -= velocity(noise, 1 - k / steps) / steps
    return noise


def both(network, x, t, text, empty):
    return network(x, t, text), network(x, t, empty.expand(len(x), -1))


def prompt_only(network, x, t, text, empty, g):
    return network(x, t, text)


def wrong_start(network, x, t, text, empty, g):
    with_, without = both(network, x, t, text, empty)
    return with_ + g * (with_ - without)


def ends_swapped(network, x, t, text, empty, g):
    with_, without = both(network, x, t, text, empty)
    return with_ + g * (without - with_)


def difference_turned(network, x, t, text, empty, g):
    with_, without = both(network, x, t, text, empty)
    return without + g * (without - with_)


def no_start(network, x, t, text, empty, g):
    with_, without = both(network, x, t, text, empty)
    return g * (with_ - without)


def zeros(network, x, t, text, empty, g):
    with_, without = both(network, x, t, text, 0 * empty)
    return without + g * (with_ - without)


def text_scaled(network, x, t, text, empty, g):
    return network(x, t, g * text)


def texts_mixed(network, x, t, text, empty, g):
    return network(x, t, empty + g * (text - empty))


def added(network, x, t, text, empty, g):
    with_, without = both(network, x, t, text, empty)
    return without + g * with_


def empty_not_repeated(network, x, t, text, empty, g):
    without = network(x, t, empty[None])
    return without + g * (network(x, t, text) - without)


def distances(pictures, known):
    return torch.cdist(pictures.flatten(1), known.flatten(1))


def numbers(pictures):
    return pictures[0].numel()


def summed(pictures, known):
    smallest = distances(pictures, known).min(1)
    return smallest.indices, smallest.values


def no_root(pictures, known):
    smallest = (distances(pictures, known) ** 2).min(1)
    return smallest.indices, smallest.values / numbers(pictures)


def summed_squares(pictures, known):
    smallest = (distances(pictures, known) ** 2).min(1)
    return smallest.indices, smallest.values


def divided_after_the_root(pictures, known):
    smallest = distances(pictures, known).min(1)
    return smallest.indices, smallest.values / numbers(pictures)


def only_pixels(pictures, known):
    smallest = distances(pictures, known).min(1)
    return smallest.indices, smallest.values / pictures[0, 0].numel() ** 0.5


def farthest(pictures, known):
    largest = (distances(pictures, known) / numbers(pictures) ** 0.5).max(1)
    return largest.indices, largest.values


def directions(pictures, known):
    a, b = (functional.normalize(x.flatten(1)) for x in (pictures, known))
    rows = (a @ b.T).argmax(1)
    return rows, (pictures - known[rows]).flatten(1).square().mean(1).sqrt()


def absolute(pictures, known):
    rows = distances(pictures, known).argmin(1)
    return rows, (pictures - known[rows]).flatten(1).abs().mean(1)


def values_first(pictures, known):
    smallest = (distances(pictures, known) / numbers(pictures) ** 0.5).min(1)
    return smallest.values, smallest.indices


WRONG = {
    "15.1": [
        (soft, "make their values one-hot"),
        (without_noise, "no noise"),
        (noise_taken_away, "added to the logits, not taken away"),
        (uniform_added, "u itself was added"),
        (wrong_axis, "wrong axis"),
        (no_gradient, "argmax has none"),
        (detached_twice, "gradient is zero"),
        (no_temperature, "temperature does not reach"),
        (turned_gradient, "turned round"),
        (double_gradient, "twice that of y"),
    ],
    "15.2": [
        (time_turned, "time runs the other way"),
        (last_axis, "three axes of length 1"),
        (no_fading, "the picture must fade"),
        (roots, "square roots of the shares"),
        (one_time, "each picture has its own"),
        (keeps_variance, "another kind of diffusion"),
        (swapped, "velocity first"),
        (velocity_turned, "points from picture to noise"),
        (only_noise, "that is the noise alone"),
        (velocity_times_t, "does not depend on t"),
        (only_point, "return two things"),
    ],
    "15.3": [
        (forwards, "t must fall"),
        (asked_at_the_end, "at the end of each step"),
        (asked_in_the_middle, "in the middle of each step"),
        (linspace_of_steps, "five ends"),
        (one_step_too_many, "one a step"),
        (sign_turned, "the sign is turned"),
        (whole_steps, "yours has length 1"),
        (always_at_the_noise, "not always at the noise"),
        (in_place, "in place"),
    ],
    "15.4": [
        (prompt_only, "g does nothing"),
        (wrong_start, "wrong end"),
        (ends_swapped, "swapped"),
        (difference_turned, "turned round"),
        (no_start, "left out the first term"),
        (zeros, "zeros are not the empty prompt"),
        (text_scaled, "you scaled the text"),
        (texts_mixed, "you mixed the texts"),
        (added, "you added the velocities"),
        (empty_not_repeated, "should be (3, 4)"),
    ],
    "15.5": [
        (summed, "not the sum"),
        (no_root, "mean squared differences"),
        (summed_squares, "summed squares"),
        (divided_after_the_root, "after the root"),
        (only_pixels, "count all C H W"),
        (farthest, "farthest"),
        (directions, "compared directions"),
        (absolute, "mean absolute"),
        (values_first, "return rows first"),
    ],
}
