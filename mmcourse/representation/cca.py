"""Canonical correlation analysis: two views, two spaces that agree (linear, with kernels, and as a loss).

High correlation on the data that was fitted proves nothing: two views of pure noise reach it as soon as their widths
come near the number of samples. Look at `score` on data that was held out.
"""

import numpy as np
import torch


def _matrix(name, x, least=1):
    """`x` as a float64 tensor (n, p) on its own device, with `least` rows or more."""
    tensor = torch.as_tensor(x).detach().to(torch.float64)
    if tensor.ndim != 2 or tensor.shape[0] < least or tensor.shape[1] < 1:
        raise ValueError(
            f"{name} must be a matrix (n >= {least} samples, p >= 1 features); got shape {tuple(tensor.shape)}"
        )
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{name} must hold finite numbers only; it has NaN or infinity")
    return tensor


def _pair(x, y):
    x, y = _matrix("x", x, 2), _matrix("y", y, 2)
    if len(x) != len(y):
        raise ValueError(f"x and y must have one row for each sample; got {len(x)} and {len(y)} rows")
    return x, y


def _varying(x, y):
    """Check a pair to fit; NumPy's and torch's rounding of a mean can hide that a view is constant."""
    x, y = _pair(x, y)
    for name, view in (("x", x), ("y", y)):
        if (view == view[0]).all():
            raise ValueError(f"{name} must vary: every feature is constant")
    return x, y


def _like(result, given):
    return result if isinstance(given, torch.Tensor) else result.cpu().numpy()


def _correlations(a, b):
    """Correlation of each column of a with the same column of b, (k,); 0 where a column does not vary."""
    a, b = a - a.mean(0), b - b.mean(0)
    scale = a.norm(dim=0) * b.norm(dim=0)
    return torch.where(scale > 0, (a * b).sum(0) / scale.clamp(min=torch.finfo(scale.dtype).tiny), 0.0)


class _BaseCCA:
    def __init__(self, k, ridge):
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise ValueError(f"k must be a whole number >= 1; got {k!r}")
        if not 0 <= ridge < float("inf"):
            raise ValueError(f"ridge must be a number >= 0; got {ridge!r}")
        self.k, self.ridge = int(k), float(ridge)

    def _solve(self, core, x_weights, y_weights):
        """Keep the k largest singular directions of `core`; the sign makes each x weight's largest entry positive."""
        if self.k > min(core.shape):
            raise ValueError(f"k must be at most {min(core.shape)}, the smaller rank of the two views; got {self.k}")
        u, s, vh = torch.linalg.svd(core, full_matrices=False)
        x_weights, y_weights = x_weights @ u[:, : self.k], y_weights @ vh[: self.k].T
        sign = x_weights.gather(0, x_weights.abs().argmax(0, keepdim=True)).sign()
        self.x_weights_, self.y_weights_ = x_weights * sign, y_weights * sign
        self.correlations_ = s[: self.k]

    def transform(self, x, y):
        """Map both views into the shared space.

        Parameters
        ----------
        x, y : arrays or tensors (n, p) and (n, q), widths as in `fit`; n need not be the number of samples fitted

        Returns
        -------
        (a, b) : each (n, k) in float64, of the kind (array or tensor) that came in

        Raises
        ------
        ValueError
            Before `fit`, on a wrong shape or on a number that is not finite.
        """
        if not hasattr(self, "correlations_"):
            raise ValueError(f"{type(self).__name__} must be fitted first: call fit(x, y)")
        (a, b), given = (_matrix("x", x), _matrix("y", y)), (x, y)
        for name, view, width in (("x", a, self._widths[0]), ("y", b, self._widths[1])):
            if view.shape[1] != width:
                raise ValueError(f"{name} must have the {width} features it was fitted with; got {view.shape[1]}")
        return _like(self._project(a, 0), given[0]), _like(self._project(b, 1), given[1])

    def score(self, x, y):
        """Correlation of each pair of canonical variates on these data, usually held out: (n, p), (n, q) -> (k,)."""
        _pair(x, y)
        a, b = self.transform(x, y)
        return _like(_correlations(torch.as_tensor(a), torch.as_tensor(b)), x)


def _whiten(x, ridge):
    """Return (q, c, w): q c has x's ridge-whitened left directions as columns and x w equals it times sqrt(n - 1)."""
    if len(x) > x.shape[1]:
        squares, v = torch.linalg.eigh(x.T @ x)
        if squares[0] > 1e-6 * squares[-1]:  # there are digits to spare, and this takes half the time
            c = v / (squares + (len(x) - 1) * ridge).sqrt()
            return x, c, c * (len(x) - 1) ** 0.5
    q, r = torch.linalg.qr(x)
    u, s, vh = torch.linalg.svd(r, full_matrices=False)
    full = s > s[0] * max(x.shape) * torch.finfo(s.dtype).eps
    u, s, v = u[:, full], s[full], vh[full].T
    scale = (s.square() + (len(x) - 1) * ridge).sqrt()
    return q, u * (s / scale), v / scale * (len(x) - 1) ** 0.5


class CCA(_BaseCCA):
    """Linear canonical correlation analysis (Hotelling 1936; ridge: Vinod 1976), in float64.

    Finds for two views the pairs of directions whose projections correlate most, each pair uncorrelated with those
    before it. With Q from the QR decomposition of each centred view, the correlations are the singular values of
    Qx' Qy (Björck and Golub 1973), so ill-conditioned views keep their digits; others are whitened by the eigenvectors
    of their covariance, which is faster. Directions in which a view does not vary are dropped.

    Parameters
    ----------
    k : number of pairs, at most the smaller rank of the two centred views
    ridge : added to the diagonal of each view's covariance matrix, in squared units of the features. Above 0,
        `correlations_` are those of the ridged problem, below the true ones of the variates

    Attributes
    ----------
    correlations_ : tensor (k,), falling: in sample, and so too high
    x_weights_, y_weights_ : tensors (p, k), (q, k); without ridge each variate has variance 1 on the fitted data
    x_mean_, y_mean_ : tensors (p,), (q,)

    Examples
    --------
    >>> x = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 3.0]])
    >>> float(CCA(1).fit(x, x[:, :1] * 2 + 5).correlations_[0].round(decimals=6))
    1.0
    """

    def __init__(self, k, *, ridge=0.0):
        super().__init__(k, ridge)

    def fit(self, x, y):
        """Find the k pairs of directions.

        Parameters
        ----------
        x, y : arrays or tensors (n, p) and (n, q), n >= 2, row i of both from the same item

        Returns
        -------
        self

        Raises
        ------
        ValueError
            On a wrong shape, unequal lengths, NaN or infinity, a view that is constant, or k above the rank.
        """
        x, y = _varying(x, y)
        self._widths = x.shape[1], y.shape[1]
        self.x_mean_, self.y_mean_ = x.mean(0), y.mean(0)
        qx, cx, wx = _whiten(x - self.x_mean_, self.ridge)
        qy, cy, wy = _whiten(y - self.y_mean_, self.ridge)
        self._solve(cx.T @ (qx.T @ qy) @ cy, wx, wy)
        return self

    def _project(self, view, side):
        mean, weights = ((self.x_mean_, self.x_weights_), (self.y_mean_, self.y_weights_))[side]
        return (view - mean.to(view.device)) @ weights.to(view.device)


def _squared_distances(a, b):
    return (a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * a @ b.T).clamp(min=0)


class _Kernel:
    """The rbf kernel of one view, centred in feature space with the means of the samples that were fitted."""

    def __init__(self, name, x, gamma):
        self.x = x
        squared = _squared_distances(x, x)
        rows, columns = torch.triu_indices(len(x), len(x), 1, device=x.device)
        median = float(squared[rows, columns].median())
        if median == 0 and gamma is None:
            raise ValueError(f"{name} must vary: the median distance of two samples is 0; give gamma")
        self.gamma = 1 / median if gamma is None else gamma
        kernel = torch.exp(-self.gamma * squared)
        self.column_means, self.mean = kernel.mean(0), kernel.mean()
        self.matrix = self._centre(kernel)

    def _centre(self, kernel):
        return kernel - kernel.mean(1, keepdim=True) - self.column_means.to(kernel.device) + self.mean.to(kernel.device)

    def __call__(self, x):
        return self._centre(torch.exp(-self.gamma * _squared_distances(x, self.x.to(x.device))))


class KernelCCA(_BaseCCA):
    """Kernel CCA with an rbf kernel and ridge (Hardoon, Szedmak and Shawe-Taylor 2004), exact, in float64.

    It is `CCA` with that ridge in the kernel's feature space: with centred kernel matrices K = V L V', the ridged
    correlations are the singular values of D_x V_x' V_y D_y, where D = (L / (L + (n - 1) ridge))^(1/2).

    Parameters
    ----------
    k : number of pairs
    gamma : the kernel is exp(-gamma |a - b|²); None takes for each view 1 / median squared distance
    ridge : added to the diagonal of the covariance in feature space, where a sample has squared length 1; above 0,
        since without it the correlations in sample are all 1 and mean nothing

    Attributes
    ----------
    correlations_ : tensor (k,), of the ridged problem, in sample
    x_weights_, y_weights_ : tensors (n, k), the weight of each fitted sample
    """

    def __init__(self, k, *, gamma=None, ridge=0.01):
        super().__init__(k, ridge)
        if self.ridge == 0:
            raise ValueError("ridge must be above 0: without it the correlations in sample are all 1")
        if gamma is not None and not 0 < gamma < float("inf"):
            raise ValueError(f"gamma must be a number > 0 or None; got {gamma!r}")
        self.gamma = gamma

    def fit(self, x, y):
        """Find the k pairs of functions: x (n, p), y (n, q) -> self. Time grows with n³, memory with n².

        Raises
        ------
        ValueError
            On a wrong shape, unequal lengths, NaN or infinity, a view that is constant, or k above the rank.
        """
        x, y = _varying(x, y)
        self._widths = x.shape[1], y.shape[1]
        self._kernels = _Kernel("x", x, self.gamma), _Kernel("y", y, self.gamma)
        (vx, dx, wx), (vy, dy, wy) = (self._decompose(kernel.matrix) for kernel in self._kernels)
        self._solve(dx[:, None] * (vx.T @ vy) * dy, wx, wy)
        return self

    def _decompose(self, kernel):
        """Eigenvectors, ridge-whitened lengths and dual weights of one centred kernel matrix."""
        values, vectors = torch.linalg.eigh(kernel)
        full = values > values[-1] * len(values) * torch.finfo(values.dtype).eps
        values, vectors = values[full], vectors[:, full]
        ridged = values + (len(kernel) - 1) * self.ridge
        return vectors, (values / ridged).sqrt(), vectors * ((len(kernel) - 1) / (values * ridged)).sqrt()

    def _project(self, view, side):
        weights = (self.x_weights_, self.y_weights_)[side]
        return self._kernels[side](view) @ weights.to(view.device)


def _factor(x, ridge):
    """Centred x with columns of length 1 (a scale the loss does not see), and L with L L' = its ridged Gram matrix."""
    x = x.double() - x.double().mean(0)
    squares = x.detach().square().sum(0) + (len(x) - 1) * ridge
    squares = torch.where(squares > 0, squares, 1.0)
    x = x / squares.sqrt()
    floor = 1e-12  # well above rounding, so that the factor exists for columns that depend on each other
    return x, torch.linalg.cholesky(x.T @ x + ((len(x) - 1) * ridge / squares + floor).diag())


def deep_cca_loss(a, b, ridge=1e-3):
    """Minus the sum of the canonical correlations of two batches: the loss of deep CCA (Andrew et al. 2013, eq. 10).

    The sum is the nuclear norm of T = La^-1 A'B Lb^-T, with L from the Cholesky factorisation of each Gram matrix. Its
    gradient U V' needs no gaps between singular values, so repeated ones do no harm; singular values that are 0 in
    float64 get the gradient 0. Computed in float64 whatever comes in. A millionth of a millionth of each feature's
    variance is added to its ridge, so that features may depend on each other even without ridge.

    Parameters
    ----------
    a, b : float tensors (B, d) and (B, e), B >= 2. Below about B = d + e the loss is near its minimum for any input
    ridge : added to the diagonal of each covariance matrix, in squared units of the features; >= 0

    Returns
    -------
    scalar tensor in the dtype of a (float32 for a half-precision a), between -min(d, e) and 0; finite, and so is its
    gradient, for all input whose squares are finite in float64: constant features and B < d included

    Raises
    ------
    ValueError
        On a wrong shape or dtype, unequal lengths, fewer than two rows, or a negative ridge.
    """
    for name, x in (("a", a), ("b", b)):
        if not isinstance(x, torch.Tensor) or not x.is_floating_point() or x.ndim != 2 or len(x) < 2 or 0 in x.shape:
            found = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
            raise ValueError(f"{name} must be a float tensor (B >= 2, features >= 1); got {found}")
    if len(a) != len(b):
        raise ValueError(f"a and b must have one row for each item; got {len(a)} and {len(b)} rows")
    if not 0 <= ridge < float("inf"):
        raise ValueError(f"ridge must be a number >= 0; got {ridge!r}")
    (x, lx), (y, ly) = _factor(a, ridge), _factor(b, ridge)
    half = torch.linalg.solve_triangular(lx, x.T @ y, upper=False)
    correlations = torch.linalg.svdvals(torch.linalg.solve_triangular(ly, half.T, upper=False))
    tiny = len(a) * torch.finfo(torch.float64).eps
    total = torch.where(correlations > tiny, correlations, 0.0).sum()
    return -total.to(torch.promote_types(a.dtype, torch.float32))
