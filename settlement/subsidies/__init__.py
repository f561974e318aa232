"""SUBSIDY CLAIMS 补贴申报: what concessions took off fares, ride by ride, for those who bear it to audit.

In:  subsidised taps of a date, the rules and registries that their batches were judged under, the kinds of
     cards as issued, what later dates gave or took back.
Out: the claim of a date and of a month by operator, tariff, class, card kind and rule version; a list of
     the rides whose sum it is; what an auditor finds who works every ride out again.

- ``rides``     a ride from its record: gross fare, class, what each bearer owes
- ``claim``     rides added up, held against the accounts; the papers
- ``auditing``  the papers against the rides, recomputed
"""
