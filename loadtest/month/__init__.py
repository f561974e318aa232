"""A month of one city, with every fault, in the orders in which real networks deliver.

``python -m loadtest.month --out DIR`` writes what a node is given, and what it must say and hold after
each night. Parts:

- ``table``    the faults of a month; ``cases``, ``mixing``: those that need days
- ``newcomer`` an operator whose contract has holes, and its rules
- ``day``      one business date: its traffic, and what arrives on it from earlier ones
- ``network``  what is under way: late taps, terminals that are offline for days; ``again``: batches
               that come twice or cut anew
- ``log``      the issuers' load logs
- ``month``    all dates, one after the other
- ``model``    the second opinion: verdicts, chains, items, money
- ``files``    the directory
"""
