"""A month of one city, with every fault, in the orders in which real networks deliver.

``python -m loadtest.month --out DIR`` writes what a node is given, and what it must say and hold after
each night. Parts:

- ``table``    the faults of a month; ``mixing``, ``loads``, ``places``: those that need days
- ``day``      one business date: its traffic, and what arrives on it from earlier ones
- ``network``  what is under way: late taps, terminals that are offline for days, batches cut again
- ``log``      the issuers' load logs
- ``month``    all dates, one after the other
- ``model``    the second opinion: verdicts, chains, items, money
- ``files``    the directory
"""
