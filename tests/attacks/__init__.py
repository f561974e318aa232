"""Attacks, played against a real engine: what each one gains, in fen, and who bears it.

- ``stage``   the same honest day twice, once with the attack in the middle of it; what differs in the books
- ``test_…``  one test an attack; ``docs/attacks.md`` tells each of them, and ``test_page`` holds both together
"""
