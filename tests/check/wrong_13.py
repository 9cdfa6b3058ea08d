"""Wrong answers to lesson 13 that a learner plausibly gives, each with a part of the message it must get."""

import math

import torch
from torch.nn import functional


def unit(x, dim=1):
    return functional.normalize(x, dim=dim)


def dot_products(a, b):
    return a @ b.T


def only_a_scaled(a, b):
    return unit(a) @ b.T


def only_b_scaled(a, b):
    return a @ unit(b).T


def columns_scaled(a, b):
    return unit(a, 0) @ unit(b, 0).T


def turned(a, b):
    return unit(b) @ unit(a).T


def distances(a, b):
    return torch.cdist(unit(a), unit(b))


def squared_lengths(a, b):
    return a @ b.T / (a * a).sum(1, keepdim=True) / (b * b).sum(1)


def divided_by_sums(a, b):
    return (a / a.sum(1, keepdim=True)) @ (b / b.sum(1, keepdim=True)).T


def correlations(a, b):
    return unit(a - a.mean(1, keepdim=True)) @ unit(b - b.mean(1, keepdim=True)).T


def one_length_for_all(a, b):
    return (a / a.norm()) @ (b / b.norm()).T


def scaled_in_place(a, b):
    a /= a.norm(dim=1, keepdim=True)
    return a @ unit(b).T


def crossed(logits):
    right = torch.arange(len(logits))
    return functional.cross_entropy(logits, right), functional.cross_entropy(logits.T, right)


def not_normalised(a, b, logit_scale):
    return sum(crossed(logit_scale.exp() * a @ b.T)) / 2


def no_scale(a, b, logit_scale):
    return sum(crossed(unit(a) @ unit(b).T)) / 2


def no_exp(a, b, logit_scale):
    return sum(crossed(logit_scale * unit(a) @ unit(b).T)) / 2


def divided_by_scale(a, b, logit_scale):
    return sum(crossed(unit(a) @ unit(b).T / logit_scale.exp())) / 2


def rows_only(a, b, logit_scale):
    return crossed(logit_scale.exp() * unit(a) @ unit(b).T)[0]


def columns_only(a, b, logit_scale):
    return crossed(logit_scale.exp() * unit(a) @ unit(b).T)[1]


def both_added(a, b, logit_scale):
    return sum(crossed(logit_scale.exp() * unit(a) @ unit(b).T))


def summed(a, b, logit_scale):
    return sum(crossed(logit_scale.exp() * unit(a) @ unit(b).T)) / 2 * len(a)


def negative(a, b, logit_scale):
    return -sum(crossed(logit_scale.exp() * unit(a) @ unit(b).T)) / 2


def no_wrong_answers(a, b, logit_scale):
    return -functional.cosine_similarity(a, b).mean()


def diagonal_left_out(a, b, logit_scale):
    logits = logit_scale.exp() * unit(a) @ unit(b).T
    off = logits - torch.diag(torch.full((len(a),), torch.inf))
    return ((off.logsumexp(1) + off.logsumexp(0)) / 2 - logits.diag()).mean()


def scale_detached(a, b, logit_scale):
    return sum(crossed(logit_scale.exp().item() * unit(a) @ unit(b).T)) / 2


def a_number(a, b, logit_scale):
    return (sum(crossed(logit_scale.exp() * unit(a) @ unit(b).T)) / 2).item()


def clamp(logit_scale):
    with torch.no_grad():
        logit_scale.clamp_(max=math.log(100))


def no_clearing(loss, optimizer, logit_scale):
    loss.backward()
    optimizer.step()
    clamp(logit_scale)


def no_clamp(loss, optimizer, logit_scale):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def no_step(loss, optimizer, logit_scale):
    optimizer.zero_grad()
    loss.backward()
    clamp(logit_scale)


def step_first(loss, optimizer, logit_scale):
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    clamp(logit_scale)


def clamped_to_a_hundred(loss, optimizer, logit_scale):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        logit_scale.clamp_(max=100)


def clamped_below_too(loss, optimizer, logit_scale):
    no_clamp(loss, optimizer, logit_scale)
    with torch.no_grad():
        logit_scale.clamp_(0, math.log(100))


def returns_the_loss(loss, optimizer, logit_scale):
    no_clamp(loss, optimizer, logit_scale)
    clamp(logit_scale)
    return loss.item()


def recorded_clamp(loss, optimizer, logit_scale):
    no_clamp(loss, optimizer, logit_scale)
    logit_scale.clamp_(max=math.log(100))


def ranked(similarity, right):
    return right.gather(1, similarity.argsort(dim=1, descending=True))


def all_of_them(similarity, k, right):
    return (ranked(similarity, right)[:, :k].sum(1) == right.sum(1)).float().mean().item()


def every_place(similarity, k, right):
    return ranked(similarity, right)[:, :k].all(1).float().mean().item()


def diagonal(similarity, k, right):
    columns = similarity.topk(k, dim=1).indices
    return (columns == torch.arange(len(similarity))[:, None]).any(1).float().mean().item()


def share_of_right(similarity, k, right):
    return (ranked(similarity, right)[:, :k].sum(1) / right.sum(1)).mean().item()


def precision(similarity, k, right):
    return ranked(similarity, right)[:, :k].float().mean().item()


def kth_only(similarity, k, right):
    return ranked(similarity, right)[:, k - 1].float().mean().item()


def least_similar(similarity, k, right):
    return right.gather(1, (-similarity).topk(k, dim=1).indices).any(1).float().mean().item()


def first_right_only(similarity, k, right):
    columns = similarity.topk(k, dim=1).indices
    return (columns == right.float().argmax(1)[:, None]).any(1).float().mean().item()


def counted(similarity, k, right):
    return ranked(similarity, right)[:, :k].any(1).sum().item()


def down_the_columns(similarity, k, right):
    rows = similarity.topk(min(k, len(similarity)), dim=0).indices
    return right.gather(0, rows).any(0).float().mean().item()


def one_a_query(similarity, k, right):
    return ranked(similarity, right)[:, :k].any(1).float()


def stacked(prompts, how):
    return torch.stack([how(each) for each in prompts])


def prompts_not_scaled(pictures, prompts):
    return (pictures @ unit(stacked(prompts, lambda p: p.mean(0))).T).argmax(1)


def means_not_scaled(pictures, prompts):
    return (pictures @ stacked(prompts, lambda p: unit(p).mean(0)).T).argmax(1)


def nothing_scaled(pictures, prompts):
    return (pictures @ stacked(prompts, lambda p: p.mean(0)).T).argmax(1)


def sums(pictures, prompts):
    return (pictures @ stacked(prompts, lambda p: unit(p).sum(0)).T).argmax(1)


def first_prompt(pictures, prompts):
    return (pictures @ unit(stacked(prompts, lambda p: p[0])).T).argmax(1)


def nearest_prompt(pictures, prompts):
    return torch.stack([(pictures @ unit(p).T).amax(1) for p in prompts], 1).argmax(1)


def furthest(pictures, prompts):
    return (pictures @ unit(stacked(prompts, lambda p: unit(p).mean(0))).T).argmin(1)


def prompt_numbers(pictures, prompts):
    return (pictures @ unit(torch.cat(prompts)).T).argmax(1)


def scores_returned(pictures, prompts):
    return pictures @ unit(stacked(prompts, lambda p: unit(p).mean(0))).T


WRONG = {
    "13.1": [
        (dot_products, "these are dot products"),
        (only_a_scaled, "`b` is not scaled"),
        (only_b_scaled, "`a` is not scaled"),
        (columns_scaled, "you scaled the columns"),
        (turned, "yours are turned"),
        (distances, "these are distances"),
        (squared_lengths, "squared lengths"),
        (divided_by_sums, "the sum of the numbers"),
        (correlations, "these are correlations"),
        (one_length_for_all, "one length of the whole matrix"),
        (scaled_in_place, "you changed `a` or `b`"),
    ],
    "13.2": [
        (not_normalised, "not scaled to length 1"),
        (no_scale, "left out the scale"),
        (no_exp, "take its exp"),
        (divided_by_scale, "divided by s"),
        (rows_only, "only the rows"),
        (columns_only, "only the columns"),
        (both_added, "added the two directions"),
        (summed, "summed over the batch"),
        (negative, "the sign is turned"),
        (no_wrong_answers, "the mean cosine of the pairs"),
        (diagonal_left_out, "left the diagonal out"),
        (scale_detached, "the gradient is not"),
        (a_number, "return a torch tensor"),
    ],
    "13.3": [
        (no_clearing, "clear them first"),
        (no_clamp, "above log 100"),
        (no_step, "the weights did not move; call"),
        (step_first, "stepped before backward"),
        (clamped_to_a_hundred, "the logarithm of s, not s"),
        (clamped_below_too, "no lower limit"),
        (returns_the_loss, "return nothing"),
        (recorded_clamp, "under torch.no_grad()"),
    ],
    "13.4": [
        (all_of_them, "*all* right answers"),
        (every_place, "*every* one of the k"),
        (diagonal, "need not stand in column i"),
        (share_of_right, "divided by the number of right answers"),
        (precision, "(precision)"),
        (kth_only, "one place only"),
        (least_similar, "least similar"),
        (first_right_only, "only the first right answer"),
        (counted, "not their number"),
        (down_the_columns, "down the columns"),
        (one_a_query, "return one number"),
    ],
    "13.5": [
        (prompts_not_scaled, "without scaling each"),
        (means_not_scaled, "not scaled again"),
        (nothing_scaled, "nothing is scaled"),
        (sums, "you summed the prompts"),
        (first_prompt, "only the first prompt"),
        (nearest_prompt, "the single nearest prompt"),
        (furthest, "smallest"),
        (prompt_numbers, "numbers of prompts"),
        (scores_returned, "should have shape"),
    ],
}
