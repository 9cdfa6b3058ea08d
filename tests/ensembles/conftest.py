"""Data that no run has seen before."""

import numpy as np
import pytest


@pytest.fixture
def fresh():
    """Draw a seed anew for every test; pytest shows it when the test fails."""
    seed = int(np.random.default_rng().integers(1_000_000))
    print("fresh =", seed)
    return seed
