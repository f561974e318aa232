"""THE WORDS: what every part of the engine, and every party outside it, means by a tap, a batch, a verdict, a fen.

In:  nothing of ours. This package imports only msgspec and the standard library.
Out: frozen structs, ordered codes, the reason table, the canonical binary record, the four batch
     forms, published JSON Schemas and the layout table (``schemas/published``), SQL migrations.

It must not know how a tap is judged, priced, booked or stored. A new kind of tap, card family or
reason is one row here.
"""
