"""The order of arrival leaves no trace: batches are numbered as they come, cards count as they ride."""

from __future__ import annotations

from itertools import permutations

import pytest
from msgspec.structs import replace

from schemas.items import ItemKind
from settlement.chains.element import Element
from settlement.chains.walk import walk
from tests.settlement.chains.stories import history, opening


def arrived(elements: list[Element], batches: tuple[int, ...]) -> list[Element]:
    """The elements in batches of these numbers, one each."""
    return [
        replace(element, batch_seq=batch, row_no=0)
        for element, batch in zip(elements, batches, strict=True)
    ]


@pytest.mark.parametrize("story", ["-50 -60 -70 -80", "-50 +2000 -60 -70", "+1000 -50 -50 -70"])
def test_everything_that_came_in_any_order_is_one_chain(story: str) -> None:
    for batches in permutations((1, 2, 3, 4)):
        found = walk(arrived(history(story), batches), opening(), (), {}.get)
        assert found.between == [], batches
        assert [element.place for element in found.chain[1:]] == [1, 2, 3, 4]


def test_a_gap_is_the_same_whatever_came_first() -> None:
    came = [history("-50 -60 -70 -80")[at] for at in (0, 2, 3)]
    for batches in permutations((1, 2, 3)):
        (gap,) = walk(arrived(came, batches), opening(), (), {}.get).between
        assert (gap.kind, gap.first, gap.last, gap.amount_fen) == (ItemKind.CHAIN_GAP, 2, 2, 60)
