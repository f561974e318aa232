"""Mutants: small sabotages of the engine, each of which the suite must notice.

- ``mutant``  what one is: where, what, which tests must fail, why it matters
- ``table``   all of them; ``kernels``, ``stages``, ``nights`` hold them by the part of the engine
- ``run``     applies them one by one to a copy of the tree and sees the tests fail: ``make mutants``
"""
