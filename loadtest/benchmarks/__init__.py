"""BENCHMARKS: how fast, beside a peer in the same run. A benchmark never passes or fails on time.

``make bench`` runs them and prints one table (``report``). They may hold the engine's parts in their
hands, which the rest of ``loadtest`` must not.
"""
