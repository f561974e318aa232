"""KEYS: who holds them, how a card's key follows from them, and how papers are signed.

In:  sealed key files, a key-encryption key or passphrase, chains as data.
Out: level keys for the hot path, signatures, digests, and TACs for people (``onecard tac``).

- ``chains``      diversification chains as data: which factors, in which order
- ``port``        what the engine needs of a key store; ``soft`` the sealed file, an HSM later
- ``reference``   diversification, TAC and MAC in plain Python, for the reference kernel
- ``calculator``  the same for a person, from hexadecimal
- ``signing``     Ed25519 keys, signatures and digests, each with its algorithm id
- ``visible``     test keys that anyone recognises as such
- ``files``       key files that only their owner may read; ``memory`` pages that are never swapped out

The package must not know taps, verdicts, the database or any door. The same ciphers for the hot path
are the C headers in ``clearing/_kernels``.
"""
