"""Builds the compiled modules, ``clearing/_*.pyx``; everything else is in pyproject.toml.

``clearing._fastpath``, the hot path, is one Cython file that includes its parts,
``clearing/_kernels/*.pxi``, which in turn include plain C headers, ``clearing/_kernels/*.h``. No
CPU is assumed here: functions that need AVX2, AVX-512 or GFNI say so with target attributes and are
chosen when the program runs, so that what one machine built is right on every other.

``ONECARD_TRACE=1`` builds with line tracing, to measure which lines of the kernels the tests reach.
``ONECARD_OPTIMISATION=-O0`` builds in a tenth of the time, for a module that need not be fast.
"""

from __future__ import annotations

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

PACKAGE = Path("clearing")
KERNELS = PACKAGE / "_kernels"
TRACE = os.environ.get("ONECARD_TRACE") == "1"
OPTIMISATION = os.environ.get("ONECARD_OPTIMISATION", "-O3")


def extensions() -> list[Extension]:
    """One for each Cython file; all are built anew when any part of the hot path has changed."""
    # setuptools wants paths relative to this file, with forward slashes.
    parts = sorted(
        path.as_posix() for suffix in ("pxi", "h") for path in KERNELS.rglob(f"*.{suffix}")
    )
    return [
        Extension(
            f"{PACKAGE.name}.{source.stem}",
            [source.as_posix()],
            depends=parts,
            include_dirs=[KERNELS.as_posix()],
            # Records are read from byte buffers through wider types, which strict aliasing forbids.
            extra_compile_args=[OPTIMISATION, "-fno-strict-aliasing"],
            define_macros=[("CYTHON_TRACE_NOGIL", "1")] if TRACE else [],
        )
        for source in sorted(PACKAGE.glob("_*.pyx"))
    ]


setup(
    ext_modules=cythonize(
        extensions(),
        include_path=[PACKAGE.as_posix()],
        compiler_directives={"language_level": 3, "linetrace": TRACE},
        force=TRACE,
    )
)
