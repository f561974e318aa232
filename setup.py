"""Builds the one compiled module, ``clearing._fastpath``; everything else is in pyproject.toml.

The module is one Cython file that includes its parts, ``clearing/_kernels/*.pxi``, which in turn
include plain C headers, ``clearing/_kernels/*.h``. No CPU is assumed here: functions that need
AVX2, AVX-512 or GFNI say so with target attributes and are chosen when the program runs, so that a
wheel built on one machine is right on every other.

``ONECARD_TRACE=1`` builds with line tracing, to measure which lines of the kernels the tests reach.
"""

from __future__ import annotations

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

KERNELS = Path("clearing/_kernels")
TRACE = os.environ.get("ONECARD_TRACE") == "1"


def extensions() -> list[Extension]:
    """The extensions whose sources are in the tree."""
    # setuptools wants paths relative to this file, with forward slashes.
    parts = sorted(
        path.as_posix() for suffix in ("pxi", "h") for path in KERNELS.rglob(f"*.{suffix}")
    )
    found = [
        Extension(
            "clearing._fastpath",
            ["clearing/_fastpath.pyx"],
            depends=parts,
            include_dirs=[KERNELS.as_posix()],
            # Records are read from byte buffers through wider types, which strict aliasing forbids.
            extra_compile_args=["-O3", "-fno-strict-aliasing"],
            define_macros=[("CYTHON_TRACE_NOGIL", "1")] if TRACE else [],
        )
    ]
    # A tree without the hot path can be installed to work on the rest; starting an engine in it is
    # refused there, never silently served by the slow kernel.
    return [extension for extension in found if Path(extension.sources[0]).exists()]


setup(
    ext_modules=cythonize(
        extensions(),
        include_path=["clearing"],
        compiler_directives={"language_level": 3, "linetrace": TRACE},
        force=TRACE,
    )
)
