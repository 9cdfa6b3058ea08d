"""Random numbers that are the same in every run and order; a progress file that is nobody's."""

import os
import random
import zlib

import numpy as np
import pytest
import torch
from hypothesis import settings

SEED = os.environ.get("MMCOURSE_TEST_SEED", "")  # any text; each gives every test other numbers

settings.register_profile("repeatable", derandomize=True)
settings.load_profile("default" if SEED else "repeatable")


def number(item):
    """Return the seed of all tests of one file."""
    return zlib.crc32(f"{SEED}{item.path.name}".encode())


def pytest_runtest_setup(item):
    """Seed before any fixture is made, so that neither a test's place in the run nor its process changes what it draws."""
    random.seed(number(item))
    np.random.seed(number(item))  # noqa: NPY002 (scikit-learn's models draw from it)
    torch.manual_seed(number(item))


@pytest.fixture
def fresh(request):
    """Return a seed for what takes one."""
    return number(request.node) % 1_000_000


@pytest.fixture
def rng(fresh):
    return np.random.default_rng(fresh)


@pytest.fixture(autouse=True)
def own_progress(monkeypatch, tmp_path):
    monkeypatch.setenv("MMCOURSE_PROGRESS", str(tmp_path / "progress.json"))
