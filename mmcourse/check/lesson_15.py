"""Checks of lesson 15: hard Gumbel softmax, mixing with noise, Euler's steps, guidance, nearest training picture."""

import torch
from torch.nn import functional

from mmcourse.check.engine import close, exercise, require
from mmcourse.check.tensors import need_tensor, randn


def _pair(answer, what):
    require(isinstance(answer, tuple | list) and len(answer) == 2, f"return two things, {what}")
    return answer


def _refuse(answer, mistakes):
    for message, value in mistakes.items():
        require(not close(answer, value), message)


@exercise("15.1")
def ex15_1(hard_gumbel):
    """One-hot values, the soft draw's gradient."""
    logits, temperature = randn(40, 5, seed=1), 0.7
    uniform = torch.rand(40, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64).clamp(1e-6, 1 - 1e-6)
    leaf = logits.clone().requires_grad_()
    answer = hard_gumbel(leaf, uniform.clone(), temperature)
    need_tensor(answer, (40, 5), "the draw for 40 rows of 5 logits")
    value = answer.detach()
    soft = _soft(logits, uniform, temperature)
    _refuse(
        value,
        {
            "these are the soft numbers y: make their values one-hot": soft,
            "that is the softmax without any noise, and soft": (logits / temperature).softmax(1),
            "no noise: the largest logit always wins, so nothing is drawn": _hot(logits),
            "the noise must be added to the logits, not taken away": _hot(logits + (-uniform.log()).log()),
            "u itself was added; the noise is -log(-log(u))": _hot(logits + uniform),
            "you took the softmax along the wrong axis; a row is one draw": _soft_columns(logits, uniform, temperature),
        },
    )
    require(close(value, _hot(soft), 1e-5), "the values are not one-hot at the largest entry of y")
    require(answer.requires_grad, "no gradient flows back: argmax has none; add y minus its detached copy")
    weights = randn(40, 5, seed=3)
    (answer * weights).sum().backward()
    right = _gradient(logits, uniform, temperature, weights)
    require(not close(leaf.grad, 0 * right), "the gradient is zero: it is y minus its *detached* copy that carries it")
    doubled = _gradient(logits, uniform, 1.0, weights)
    require(
        not close(leaf.grad, doubled), "the temperature does not reach the gradient: divide by it before the softmax"
    )
    require(not close(leaf.grad, 2 * right), "the gradient is twice that of y: y enters twice without detach")
    require(not close(leaf.grad, -right), "the gradient is turned round: add y - y.detach(), not the reverse")
    require(close(leaf.grad, right), "the values are right, but the gradient is not that of y")


def _soft(logits, uniform, temperature):
    return ((logits - (-uniform.log()).log()) / temperature).softmax(1)


def _soft_columns(logits, uniform, temperature):
    y = ((logits - (-uniform.log()).log()) / temperature).softmax(0)
    return _hot(y)


def _hot(y):
    return functional.one_hot(y.argmax(1), y.shape[1]).to(y.dtype)


def _gradient(logits, uniform, temperature, weights):
    leaf = logits.clone().requires_grad_()
    (_soft(leaf, uniform, temperature) * weights).sum().backward()
    return leaf.grad


@exercise("15.2")
def ex15_2(mix):
    """A point on the line from picture to noise, and the velocity along it."""
    x, noise, t = randn(3, 2, 3, 3, seed=4), randn(3, 2, 3, 3, seed=5), torch.tensor([0.1, 0.5, 0.8]).double()
    given = x.clone(), noise.clone()
    point, velocity = _pair(mix(*given, t.clone()), "x_t and the velocity")
    require(given[0].equal(x) and given[1].equal(noise), "you changed `x` or `noise`; make new tensors")
    need_tensor(point, (3, 2, 3, 3), "x_t")
    need_tensor(velocity, (3, 2, 3, 3), "the velocity")
    time = t.view(-1, 1, 1, 1)
    _refuse(
        point,
        {
            "time runs the other way: at t = 0 lies the picture, at t = 1 the noise": time * x + (1 - time) * noise,
            "t multiplies the last axis; give it three axes of length 1, (B, 1, 1, 1)": (1 - t) * x + t * noise,
            "that is x + t noise: the picture must fade by 1 - t": x + time * noise,
            "these are square roots of the shares; a straight line takes the shares": (1 - time).sqrt() * x
            + time.sqrt() * noise,
            "one time for the whole batch; each picture has its own": (1 - t[0]) * x + t[0] * noise,
            "that is (1 - t) x + sqrt(1 - (1 - t)^2) noise, another kind of diffusion": (1 - time) * x
            + (1 - (1 - time) ** 2).sqrt() * noise,
            "you returned the velocity first: x_t first, then the velocity": noise - x,
        },
    )
    require(close(point, (1 - time) * x + time * noise), "x_t is not (1 - t) x + t noise")
    _refuse(
        velocity,
        {
            "the velocity points from picture to noise: noise - x": x - noise,
            "that is the noise alone; the velocity is noise - x": noise,
            "the velocity does not depend on t: it is the derivative of x_t": time * (noise - x),
        },
    )
    require(close(velocity, noise - x), "the velocity is not noise - x")


@exercise("15.3")
def ex15_3(euler):
    """Equal steps from 1 to 0, the velocity asked at the start of each."""
    noise, asked = randn(4, 3, seed=6), []

    def velocity(x, t):
        asked.append(float(t))
        return (1 + t * t) * x + t

    given = noise.clone()
    answer = euler(velocity, given, 4)
    require(given.equal(noise), "you changed `noise` in place; make a new tensor for each step")
    need_tensor(answer, (4, 3), "the result")
    require(asked, "the velocity was never asked")
    require(min(asked) >= -1e-9 and max(asked) <= 1 + 1e-9, "you asked for times outside [0, 1]")
    require(len(asked) == 4, f"for 4 steps you asked for {len(asked)} velocities; one a step")
    require(not close(asked, [0.0, 0.25, 0.5, 0.75]), "you walk from 0 to 1: noise is at t = 1, so t must fall")
    require(not close(asked, [0.75, 0.5, 0.25, 0.0]), "you asked at the end of each step; ask at its start (1 first)")
    require(not close(asked, [1.0, 2 / 3, 1 / 3, 0.0]), "four steps have five ends: t falls by 1/4, and 0 is not asked")
    require(not close(asked, [0.875, 0.625, 0.375, 0.125]), "you asked in the middle of each step; ask at its start")
    require(close(asked, [1.0, 0.75, 0.5, 0.25]), f"the times asked should be 1, 0.75, 0.5, 0.25, not {asked}")
    _refuse(
        answer,
        {
            "the sign is turned: time runs backwards, so subtract": _walk(noise, 4, -0.25),
            "each step has length 1/steps; yours has length 1": _walk(noise, 4, 1.0),
            "the velocity must be asked at the point reached, not always at the noise": _stuck(noise, 4),
            "you returned the last velocity's step without adding up": _walk(noise, 4, 0.25) - noise,
        },
    )
    require(close(answer, _walk(noise, 4, 0.25)), "not the end of Euler's walk")
    require(
        close(euler(velocity, noise.clone(), 1), _walk(noise, 1, 1.0)), "one step should be noise - velocity(noise, 1)"
    )


def _walk(x, steps, length):
    for k in range(steps):
        t = 1 - k / steps
        x = x - length * ((1 + t * t) * x + t)
    return x


def _stuck(noise, steps):
    times = [1 - k / steps for k in range(steps)]
    return noise - sum((1 + t * t) * noise + t for t in times) / steps


@exercise("15.4")
def ex15_4(guided):
    """Walk from the answer without the prompt along the difference that the prompt makes."""
    x, t = randn(3, 2, 2, 2, seed=7), torch.tensor([0.2, 0.5, 0.9]).double()
    text, empty = randn(3, 4, seed=8), randn(4, seed=9)

    def network(x, t, text):
        require(
            tuple(text.shape) == (3, 4), f"the text given to the network should be (3, 4), it is {tuple(text.shape)}"
        )
        require(tuple(t.shape) == (3,), "give the network the times (B,) as they are")
        return torch.tanh(x) * t.view(-1, 1, 1, 1) + (text**3).mean(1).view(-1, 1, 1, 1)

    def answer(g):
        value = guided(network, x.clone(), t.clone(), text.clone(), empty.clone(), g)
        need_tensor(value, (3, 2, 2, 2), "the velocity")
        return value

    with_, without, g = network(x, t, text), network(x, t, empty.expand(3, -1)), 3.0
    _refuse(
        answer(g),
        {
            "this is the velocity with the prompt alone; g does nothing": with_,
            "you start at the wrong end: begin at the velocity *without* the prompt": with_ + g * (with_ - without),
            "the two are swapped: g = 0 must ignore the prompt": with_ + g * (without - with_),
            "the difference is turned round: it is with minus without": without + g * (without - with_),
            "you left out the first term: the velocity without the prompt": g * (with_ - without),
            "zeros are not the empty prompt: give the network `empty`": _guide(network, x, t, text, 0 * empty, g),
            "you scaled the text; it is the velocities that are scaled": network(x, t, g * text),
            "you mixed the texts; mix the velocities": network(x, t, empty + g * (text - empty)),
            "you added the velocities; their difference is what the prompt adds": without + g * with_,
        },
    )
    for g in (3.0, 0.0, 1.0, -0.5):
        require(close(answer(g), without + g * (with_ - without)), f"not the guided velocity at g = {g:g}")


def _guide(network, x, t, text, empty, g):
    without = network(x, t, empty.expand(len(x), -1))
    return without + g * (network(x, t, text) - without)


@exercise("15.5")
def ex15_5(nearest):
    """The training picture with the smallest root mean squared difference."""
    known = randn(6, 3, 2, 2, seed=10)
    pictures = 0.9 * known[[4, 0, 2, 5]] + 0.3 * randn(4, 3, 2, 2, seed=11)
    known[3] *= 0.05
    pictures[0] = 0.3 * known[1]  # the direction of row 1, yet nearer to row 3
    rows, distance = _pair(nearest(pictures.clone(), known.clone()), "the rows and the distances")
    need_tensor(rows, (4,), "the rows")
    need_tensor(distance, (4,), "the distances")
    require(not rows.is_floating_point(), "the first of the two are the distances; return rows first, as ints")
    flat = torch.cdist(pictures.flatten(1), known.flatten(1))
    right = flat.min(1)
    cosines = functional.normalize(pictures.flatten(1)) @ functional.normalize(known.flatten(1)).T
    require(not close(rows, flat.argmax(1)), "these are the farthest pictures, not the nearest")
    require(not close(rows, cosines.argmax(1)), "you compared directions (cosines); compare differences of pixels")
    require(close(rows, right.indices), "these rows are not the nearest training pictures")
    root = right.values
    _refuse(
        distance,
        {
            "take the mean over the numbers of a picture, not the sum (divide by the root of C H W)": root,
            "the root is missing: these are mean squared differences": root**2 / 12,
            "the root is missing, and the mean: these are summed squares": root**2,
            "you divided by C H W after the root; the mean stands under the root": root / 12,
            "you divided by the number of pixels H W; count all C H W numbers": root / 2,
            "these are mean absolute differences": _absolute(pictures, known, right.indices),
        },
    )
    require(close(distance, root / 12**0.5), "not the root mean squared difference to that picture")


def _absolute(pictures, known, rows):
    return (pictures - known[rows]).abs().flatten(1).mean(1)
