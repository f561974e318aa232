"""TAPS → BALANCED POSTINGS: validate, price and book tap batches, durably and provably.

In:  batch bodies in four forms (``schemas.forms``), registries and rules as dated data, key sets.
Out: for each tap a verdict with reason, flags, evidence and money; for each batch a receipt and one
     balanced entry; card state; leaves and roots.

``engine.clear_batch`` is the table of contents. The package must not know how positions are netted,
paid or exchanged (``settlement``), nor through which door a batch came (``service``).
"""
