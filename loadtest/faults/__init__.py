"""Faults: what may be wrong with a tap, each on a card reserved for it, so that all else is clean."""
