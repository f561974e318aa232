"""The province: cards, traffic, faults, and what the engine must say to each tap.

In: a seed, a number of taps, a date and fare facts. Out: registry rows, issued cards, test keys,
signed batches, and an expectation for every tap that was written before any engine saw it.

It imports ``schemas`` only and never the engine, so that what it expects is an independent second
opinion: its ciphers come from a library, its fares and its card chains from short code of its own.
(``loadtest.benchmarks`` measures the engine from inside and is no part of this.)
"""
