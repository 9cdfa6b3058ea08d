"""Mistakes a learner may make in lesson 18, each with a part of what the check says."""

import numpy as np
import torch
from sklearn.linear_model import Ridge


def divergence(q, p):
    return (q.exp() * (q - p)).sum(1)


def soft(x, temperature):
    return (x / temperature).log_softmax(1)


def no_square(student, teacher, temperature):
    return divergence(soft(teacher.detach(), temperature), soft(student, temperature)).mean()


def temperature_once(student, teacher, temperature):
    return temperature * no_square(student, teacher, temperature)


def summed(student, teacher, temperature):
    return temperature**2 * divergence(soft(teacher.detach(), temperature), soft(student, temperature)).sum()


def kl_div_mean(student, teacher, temperature):
    q = soft(teacher.detach(), temperature).exp()
    return temperature**2 * torch.nn.functional.kl_div(soft(student, temperature), q)


def swapped(student, teacher, temperature):
    return temperature**2 * divergence(soft(student, temperature), soft(teacher.detach(), temperature)).mean()


def no_temperature(student, teacher, temperature):
    return temperature**2 * no_square(student, teacher, 1.0)


def student_not_softened(student, teacher, temperature):
    return temperature**2 * divergence(soft(teacher.detach(), temperature), soft(student, 1.0)).mean()


def cross_entropy(student, teacher, temperature):
    q = soft(teacher.detach(), temperature).exp()
    return temperature**2 * torch.nn.functional.cross_entropy(student / temperature, q)


def one_a_row(student, teacher, temperature):
    return temperature**2 * divergence(soft(teacher.detach(), temperature), soft(student, temperature))


def teacher_learns(student, teacher, temperature):
    return temperature**2 * divergence(soft(teacher, temperature), soft(student, temperature)).mean()


def student_detached(student, teacher, temperature):
    return temperature**2 * divergence(soft(teacher.detach(), temperature), soft(student.detach(), temperature)).mean()


def sharpened(student, teacher, temperature):
    return temperature**2 * divergence(soft(teacher.detach(), 1 / temperature), soft(student, 1 / temperature)).mean()


def along_the_batch(student, teacher, temperature):
    q, p = ((x / temperature).log_softmax(0) for x in (teacher.detach(), student))
    return temperature**2 * divergence(q, p).mean()


def rounded(student, teacher, temperature):
    return teacher_learns(student, teacher.detach(), int(temperature))


def detached_in_place(student, teacher, temperature):
    return teacher_learns(student, teacher.detach_(), temperature)


def everybody(probabilities, per_class):
    return probabilities.argmax(1)


def pick(probabilities, per_class, order=lambda p: np.argsort(-p), favourite=True, rest=-1):
    best, labels = probabilities.argmax(1), np.full(len(probabilities), rest)
    for k in range(probabilities.shape[1]):
        rows = np.flatnonzero(best == k) if favourite else np.arange(len(best))
        labels[rows[order(probabilities[rows, k])][:per_class]] = k
    return labels


def by_the_lead(probabilities, per_class):
    lead = probabilities - np.sort(probabilities, axis=1)[:, -2:-1]
    labels = np.full(len(probabilities), -1)
    for k in range(probabilities.shape[1]):
        rows = np.flatnonzero(probabilities.argmax(1) == k)
        labels[rows[np.argsort(-lead[rows, k])[:per_class]]] = k
    return labels


def unsure_dropped(probabilities, per_class):
    barely = probabilities.max(1) < 1.05 / probabilities.shape[1]
    return np.where(barely, -1, pick(probabilities, per_class))


def least_sure(probabilities, per_class):
    return pick(probabilities, per_class, order=np.argsort)


def first_come(probabilities, per_class):
    return pick(probabilities, per_class, order=lambda p: np.arange(len(p)))


def not_the_favourite(probabilities, per_class):
    return pick(probabilities, per_class, favourite=False)


def rest_is_zero(probabilities, per_class):
    return pick(probabilities, per_class, rest=0)


def per_class_in_all(probabilities, per_class):
    labels = np.full(len(probabilities), -1)
    rows = np.argsort(-probabilities.max(1))[:per_class]
    labels[rows] = probabilities[rows].argmax(1)
    return labels


def all_together(probabilities, per_class):
    return per_class_in_all(probabilities, per_class * probabilities.shape[1])


def one_too_many(probabilities, per_class):
    return pick(probabilities, per_class + 1)


def rows_not_labels(probabilities, per_class):
    return np.flatnonzero(pick(probabilities, per_class) >= 0)


def floats(probabilities, per_class):
    return pick(probabilities, per_class).astype(float)


def blanks_as_it_goes(probabilities, per_class):
    labels = np.full(len(probabilities), -1)
    for k in range(probabilities.shape[1]):
        rows = np.argsort(-probabilities[:, k])[:per_class]
        labels[rows] = k
        probabilities[rows] = 0
    return labels


def solve(a, b, ridge):
    return torch.linalg.solve(a.T @ a + ridge, a.T @ b)


def eye(x):
    return torch.eye(x.shape[1], dtype=x.dtype)


def fitted(x, y, ridge):
    weight = solve(x - x.mean(0), y - y.mean(0), ridge)
    return weight, y.mean(0) - x.mean(0) @ weight


def not_centred(x, y, strength):
    weight = solve(x, y, strength * eye(x))
    return weight, y.mean(0) - x.mean(0) @ weight


def no_lambda(x, y, strength):
    return fitted(x, y, 0.0)


def lambda_everywhere(x, y, strength):
    return fitted(x, y, strength)


def lambda_times_rows(x, y, strength):
    return fitted(x, y, len(x) * strength * eye(x))


def ones_column(x, y, strength):
    wide = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)
    both = solve(wide, y, strength * eye(wide))
    return both[:-1], both[-1]


def bias_is_mean(x, y, strength):
    return fitted(x, y, strength * eye(x))[0], y.mean(0)


def bias_sign(x, y, strength):
    weight = fitted(x, y, strength * eye(x))[0]
    return weight, y.mean(0) + x.mean(0) @ weight


def bias_without_y(x, y, strength):
    weight = fitted(x, y, strength * eye(x))[0]
    return weight, -x.mean(0) @ weight


def no_bias(x, y, strength):
    return fitted(x, y, strength * eye(x))[0]


def turned(x, y, strength):
    weight, bias = fitted(x, y, strength * eye(x))
    return weight.T, bias


def bias_as_row(x, y, strength):
    weight, bias = fitted(x, y, strength * eye(x))
    return weight, bias[None]


def library_turned(x, y, strength):
    found = Ridge(alpha=strength).fit(x.numpy(), y.numpy())
    return torch.as_tensor(found.coef_.T), torch.as_tensor(found.intercept_)


def weighed(form):
    return lambda losses, logs: sum(form(losses[name], logs[name]) for name in losses)


def no_penalty(losses, log_variances):
    return weighed(lambda x, s: (-s).exp() * x)(losses, log_variances)


def full_penalty(losses, log_variances):
    return weighed(lambda x, s: (-s).exp() * x + s)(losses, log_variances)


def exponent_sign(losses, log_variances):
    return weighed(lambda x, s: s.exp() * x + s / 2)(losses, log_variances)


def penalty_sign(losses, log_variances):
    return weighed(lambda x, s: (-s).exp() * x - s / 2)(losses, log_variances)


def divided_by_s(losses, log_variances):
    return weighed(lambda x, s: x / s + s / 2)(losses, log_variances)


def mean_of_tasks(losses, log_variances):
    return weighed(lambda x, s: (-s).exp() * x + s / 2)(losses, log_variances) / len(losses)


def both_halved(losses, log_variances):
    return weighed(lambda x, s: ((-s).exp() * x + s) / 2)(losses, log_variances)


def side_by_side(losses, log_variances):
    return sum((-s).exp() * x + s / 2 for x, s in zip(losses.values(), log_variances.values(), strict=True))


def weights_detached(losses, log_variances):
    return weighed(lambda x, s: (-s.detach()).exp() * x + s.detach() / 2)(losses, log_variances)


def a_dict(losses, log_variances):
    return {name: (-log_variances[name]).exp() * losses[name] for name in losses}


def plain_numbers(losses, log_variances):
    return torch.tensor(weighed(lambda x, s: (-s).exp() * x + s / 2)(losses, log_variances).item())


def accuracy(predicted, truth):
    return (predicted == truth).mean()


def precision(predicted, truth):
    return np.mean([(truth[predicted == k] == k).mean() for k in np.unique(truth)])


def predicted_classes(predicted, truth):
    return np.mean([(truth[predicted == k] == k).mean() for k in np.unique(predicted)])


def recalls(predicted, truth):
    return np.array([(predicted[truth == k] == k).mean() for k in np.unique(truth)])


def up_to_the_largest(predicted, truth):
    return recalls(predicted, truth).sum() / (truth.max() + 1)


def classes_of_both(predicted, truth):
    return recalls(predicted, truth).sum() / len(np.unique([predicted, truth]))


def others_count_as_right(predicted, truth):
    return np.mean([((predicted == k) == (truth == k)).mean() for k in np.unique(truth)])


def sum_of_shares(predicted, truth):
    return recalls(predicted, truth).sum()


def list_of_shares(predicted, truth):
    return recalls(predicted, truth)


def worst_class(predicted, truth):
    return recalls(predicted, truth).min()


WRONG = {
    "18.1": [
        (no_square, "T squared is missing"),
        (temperature_once, "T squared, not T"),
        (summed, "sum over the rows"),
        (swapped, "swapped"),
        (no_temperature, "did not divide"),
        (student_not_softened, "student's logits by the temperature"),
        (cross_entropy, "this is the cross-entropy"),
        (one_a_row, "return one number"),
        (teacher_learns, "flows into the teacher"),
        (student_detached, "no gradient flows into the student"),
        (sharpened, "sharpens"),
        (along_the_batch, "along the classes"),
        (rounded, "do not round the temperature"),
        (detached_in_place, "changed the teacher itself"),
    ],
    "18.2": [
        (everybody, "every row got a label"),
        (least_sure, "least sure"),
        (by_the_lead, "lead over the second class"),
        (unsure_dropped, "however unsure"),
        (first_come, "first rows of each class"),
        (not_the_favourite, "not their largest probability"),
        (rest_is_zero, "gets -1, not 0"),
        (per_class_in_all, "per_class rows in all"),
        (all_together, "all classes together"),
        (one_too_many, "one too many"),
        (rows_not_labels, "one label a row"),
        (floats, "whole numbers"),
        (blanks_as_it_goes, "you changed `probabilities`"),
    ],
    "18.3": [
        (not_centred, "centre x and y"),
        (no_lambda, "plain least squares"),
        (lambda_everywhere, "diagonal only"),
        (lambda_times_rows, "not multiplied by the number of rows"),
        (ones_column, "intercept was shrunk"),
        (bias_is_mean, "mean of y only"),
        (bias_sign, "wrong sign before mean(x)"),
        (bias_without_y, "leaves out the mean of y"),
        (no_bias, "return two tensors"),
        (turned, "weight is turned"),
        (bias_as_row, "not (1, q)"),
        (library_turned, "weight of the example"),
    ],
    "18.4": [
        (no_penalty, "penalty s / 2 is missing"),
        (full_penalty, "s / 2, not s"),
        (exponent_sign, "sign in the exponent"),
        (penalty_sign, "added, not taken away"),
        (divided_by_s, "divided by s"),
        (mean_of_tasks, "mean over the tasks"),
        (both_halved, "halved the loss as well"),
        (side_by_side, "by its name"),
        (weights_detached, "no gradient reaches log_variances"),
        (a_dict, "the sum over the tasks"),
        (plain_numbers, "without item()"),
    ],
    "18.5": [
        (accuracy, "plain accuracy; take the share"),
        (precision, "how often a class was predicted"),
        (predicted_classes, "over the predicted classes"),
        (up_to_the_largest, "count as zero"),
        (classes_of_both, "predicted but do not occur"),
        (others_count_as_right, "items of other classes"),
        (sum_of_shares, "sum of the shares"),
        (list_of_shares, "return one number"),
        (worst_class, "worst class"),
    ],
}
