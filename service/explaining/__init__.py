"""``onecard explain``: one tap, told to somebody who has not seen the code.

- ``naming``     which tap is meant: by place, by item, by card and time
- ``found``      everything that is known of it, as data
- ``gathering``  the table of contents: reads all of that, as known at the end of a business date
- ``ground``     what it was judged by: registry rows, rules with their source lines
- ``chain``      its card's and its terminal's neighbours
- ``money``      what it moved, its claim between cities, its items, and what was booked later
- ``would``      what would have to be different for another verdict, with ``would_chain``
- ``vocabulary`` accounts, kinds, fields, states in words
- ``telling``    all of it as sections of sentences in both languages, with ``telling_money``,
  ``telling_items``, ``telling_chain`` and ``telling_proof``
- ``document``   the same for machines
"""
