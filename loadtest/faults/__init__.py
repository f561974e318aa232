"""Faults: what may be wrong with a tap, each on a card reserved for it; all else stays clean."""
