"""Hidden Markov models with Gaussian emissions (lesson 11)."""

import numpy as np
from scipy.special import logsumexp, softmax
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.utils.validation import check_is_fitted

from mmcourse.alignment import kernels
from mmcourse.alignment.checks import check_frames


class GaussianHMM(BaseEstimator):
    """A chain of hidden states, each of which emits frames from a Gaussian with a diagonal covariance.

    Every method takes a list of sequences, float arrays (T_i, d) of any lengths, and raises ValueError for an empty
    list, an empty sequence, NaN or infinity, or widths that differ.

    Parameters
    ----------
    n_states : int
    topology : "ergodic" or "left-to-right"
        Every state can follow every other one, and training starts from k-means with a fixed seed; or a sequence starts
        in state 0 and stays or moves on by one, and training starts from equal shares of each sequence.
    domain : "scaled" or "log"
        How forward and backward keep clear of underflow: by scaling each frame, compiled, or with logarithms, some 100
        times slower, also when a state's share of a frame falls below 1e-300. They agree to 1e-9 where both apply.
    max_iter : int
        Most rounds of Baum-Welch.
    tol : float
        Stop when a round gains less log-likelihood a frame.
    variance_floor : float
        No variance falls below this share of the variance of all frames (of 1 where a feature is constant).

    Attributes
    ----------
    start_, transition_ : arrays (K,), (K, K) with rows that sum to 1
    means_, variances_ : arrays (K, d)
    log_likelihoods_ : list of float
        Of all sequences, before each round of Baum-Welch.

    References
    ----------
    L. Rabiner, "A tutorial on hidden Markov models and selected applications in speech recognition", Proceedings of
    the IEEE 1989: eq. 19 to 27 (forward-backward), 32 to 35 (Viterbi), 40 and 52 to 54 (Baum-Welch), 91 to 94 (scaling).
    """

    def __init__(self, n_states, *, topology="ergodic", domain="scaled", max_iter=30, tol=1e-4, variance_floor=1e-3):
        self.n_states, self.topology, self.domain = n_states, topology, domain
        self.max_iter, self.tol, self.variance_floor = max_iter, tol, variance_floor

    def fit(self, sequences, y=None):
        """Baum-Welch over all sequences. ValueError also for bad parameters or more states than frames."""
        self._check_parameters()
        sequences = _check_sequences(sequences)
        frames, k, chain = np.concatenate(sequences), self.n_states, self.topology == "left-to-right"
        most = max(map(len, sequences)) if chain else len(frames)
        if k > most:
            raise ValueError(f"n_states must be at most {most}, the frames there are; got {k}")
        if chain:
            labels = np.concatenate([np.arange(len(x)) * k // max(len(x), k) for x in sequences])
        else:
            labels = KMeans(k, n_init=1, random_state=0).fit_predict(frames)
        self.start_ = np.eye(k)[0] if chain else np.full(k, 1 / k)
        self.transition_ = _normalise(np.eye(k) + np.eye(k, k=1) if chain else np.ones((k, k)), 0.0)
        self.means_, self.variances_ = np.tile(frames.mean(0), (k, 1)), np.tile(frames.var(0), (k, 1))
        self._fit_emissions(frames, np.eye(k)[labels])
        self.log_likelihoods_ = []
        for _ in range(self.max_iter):
            found, posteriors, taken = zip(*map(self._forward_backward, sequences), strict=True)
            self.start_ = _normalise(sum(p[0] for p in posteriors), self.start_)
            self.transition_ = _normalise(sum(taken), self.transition_)
            self._fit_emissions(frames, np.concatenate(posteriors))
            self.log_likelihoods_.append(sum(found))
            if np.diff(self.log_likelihoods_[-2:], prepend=-np.inf)[-1] < self.tol * len(frames):
                break
        return self

    def score(self, sequences, y=None):
        """Log-likelihood of each sequence: array (N,), in nats."""
        return np.array([self._forward(x)[0] for x in self._check(sequences)])

    def decode(self, sequences):
        """Viterbi: a list of state arrays (T_i,), and the log probability of each with its frames, array (N,)."""
        sequences, start, transition = self._check(sequences), _log(self.start_), _log(self.transition_)
        found = [kernels.viterbi(self._emission(x), start, transition) for x in sequences]
        return [path for path, _ in found], np.array([value for _, value in found])

    def posteriors(self, sequences):
        """Probability of each state at each frame, given the whole sequence: a list of arrays (T_i, K)."""
        return [self._forward_backward(x)[1] for x in self._check(sequences)]

    def _forward(self, x):
        """Log-likelihood, alpha, and what the backward pass needs of the emission."""
        if self.domain == "log":
            return _forward_log(self._emission(x), _log(self.start_), _log(self.transition_))
        return kernels.forward(self._emission(x), self.start_, self.transition_)

    def _forward_backward(self, x):
        """Log-likelihood, posteriors (T, K) and expected number of times each transition was taken (K, K)."""
        total, alpha, emission = self._forward(x)
        if self.domain == "log":
            return total, *_backward_log(alpha, emission, _log(self.transition_))
        beta = kernels.backward(emission, self.transition_)
        return total, alpha * beta, self.transition_ * (alpha[:-1].T @ (emission * beta)[1:])

    def _emission(self, x):
        """Log density of each frame under each state, (T, K)."""
        x, means, precisions = x - self.means_.mean(0), self.means_ - self.means_.mean(0), 1 / self.variances_
        constant = np.log(precisions / (2 * np.pi)).sum(1) - (means**2 * precisions).sum(1)
        return constant / 2 + x @ (means * precisions).T - x**2 @ precisions.T / 2

    def _fit_emissions(self, frames, weights):
        """Weighted means and floored variances; a state without frames keeps what it has."""
        spread = frames.var(0)
        floor = self.variance_floor * np.where(spread > 0, spread, 1.0)
        for k, mass in enumerate(weights.sum(0)):
            if mass > 1e-8:
                self.means_[k] = weights[:, k] @ frames / mass
                self.variances_[k] = weights[:, k] @ (frames - self.means_[k]) ** 2 / mass
        self.variances_ = np.maximum(self.variances_, floor)

    def _check_parameters(self):
        if not isinstance(self.n_states, (int, np.integer)) or self.n_states < 1:
            raise ValueError(f"n_states must be a whole number of at least 1; got {self.n_states!r}")
        for name, allowed in (("topology", ("ergodic", "left-to-right")), ("domain", ("scaled", "log"))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {getattr(self, name)!r}")
        if not self.variance_floor > 0:
            raise ValueError(f"variance_floor must be above 0; got {self.variance_floor!r}")

    def _check(self, sequences):
        """Check the parameters, which may have been set by hand, and the sequences."""
        check_is_fitted(self, "means_")
        for name in ("start_", "transition_"):
            rows = getattr(self, name)
            if not ((rows >= 0).all() and np.allclose(rows.sum(-1), 1)):
                raise ValueError(f"{name} must hold probabilities with rows that sum to 1; got {rows}")
        return _check_sequences(sequences, self.means_.shape[1])


def _check_sequences(sequences, width=None):
    if not isinstance(sequences, (list, tuple)) or not sequences:
        raise ValueError(f"sequences must be a list of arrays (T_i, d), not empty; got {type(sequences).__name__}")
    sequences = [check_frames(f"sequences[{i}]", x) for i, x in enumerate(sequences)]
    if (widths := {x.shape[1] for x in sequences}) != {width or sequences[0].shape[1]}:
        raise ValueError(f"sequences must have frames of one width, {width or 'any'}; got {sorted(widths)}")
    return sequences


def _log(probabilities):
    with np.errstate(divide="ignore"):
        return np.log(probabilities)


def _normalise(counts, otherwise):
    """Rows that sum to 1; a row without counts becomes `otherwise`."""
    totals = counts.sum(-1, keepdims=True)
    return np.where(totals > 0, counts / np.where(totals > 0, totals, 1.0), otherwise)


def _forward_log(emission, start, transition):
    """Log-likelihood, log alpha (T, K), and the emission again."""
    alpha = [start + emission[0]]
    for frame in emission[1:]:
        alpha.append(logsumexp(alpha[-1][:, None] + transition, axis=0) + frame)
    return logsumexp(alpha[-1]), np.stack(alpha), emission


def _backward_log(alpha, emission, transition):
    """Posteriors (T, K) and expected transitions (K, K), from logarithms; each frame is normalised by its own sum."""
    beta, taken = np.zeros_like(alpha), np.zeros_like(transition)
    for t in range(len(alpha) - 2, -1, -1):
        step = transition + emission[t + 1] + beta[t + 1]
        beta[t] = logsumexp(step, axis=1)
        taken += softmax(alpha[t][:, None] + step)
    return softmax(alpha + beta, axis=1), taken
