"""Every test of a kernel runs on both."""

from __future__ import annotations

import pytest

from clearing.kernel import Kernel
from tests.clearing.kernel_cases import KERNELS, make


@pytest.fixture(params=KERNELS)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    """A kernel with the test city's plan and cards."""
    return make(request.param)
