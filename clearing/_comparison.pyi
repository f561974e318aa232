# ``clearing.comparison.Comparison`` in C; what its doors mean stands there.

from clearing.comparison import AccountRow, LineRow
from clearing.kernel import Judgement

class FastComparison:
    def add(
        self, before: Judgement, after: Judgement, kinds: bytes, left_out: bytes | None = None
    ) -> list[int]: ...
    def lines(self) -> list[LineRow]: ...
    def accounts(self) -> list[AccountRow]: ...
