"""What the tests of the words share: a plain tap, a plain batch, and anything that fits the layout."""

from hypothesis import strategies as st

from schemas import batch as envelope
from schemas import record
from schemas.batch import Batch, Header, KindSum
from schemas.record import Tap

TAP = Tap(
    family=1,
    issuer="0000000000007100",
    serial="00007100000000000001",
    terminal_id="710003010001",
    terminal_number=42,
    tapped_at="20240115083015",
    type_byte=6,
    operator=12,
    kind=1,
    amount_fen=100,
    gross_fen=200,
    card_kind=1,
    offline_counter=17,
    online_counter=3,
    balance_before_fen=5000,
    balance_after_fen=4900,
    city="7910",
    industry=2,
    line=600,
    device=9,
    key_version=1,
    key_index=1,
    algorithm=0,
    tac="CC583207",
)

BATCH = envelope.make(12, 7, "20240115", record.pack(TAP) * 2, profile="")

any_record = st.binary(min_size=record.SIZE, max_size=record.SIZE)


def digits(size: int) -> st.SearchStrategy[str]:
    """Upper-case hexadecimal digits of ``size`` bytes."""
    return st.binary(min_size=size, max_size=size).map(lambda raw: raw.hex().upper())


def numbers(kind: str) -> st.SearchStrategy[int]:
    low, high = record.BOUNDS[kind]
    return st.integers(low, high)


any_sum = st.builds(KindSum, numbers("u8"), numbers("u32"), numbers("i64"))
any_profile = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=16)


@st.composite
def any_batch(draw: st.DrawFn, records_max: int = 4) -> Batch:
    """A batch with any header that the envelope holds, however wrong, over any records."""
    records = b"".join(draw(st.lists(any_record, max_size=records_max)))
    header = Header(
        version=draw(numbers("u8")),
        record_version=draw(numbers("u8")),
        operator=draw(numbers("u32")),
        number=draw(numbers("u64")),
        declared_date=draw(digits(4)),
        profile=draw(any_profile),
        count=len(records) // record.SIZE,
        sums=tuple(draw(st.lists(any_sum, max_size=3))),
        digest_algorithm=draw(numbers("u8")),
        digest=draw(digits(32)),
        signature_algorithm=draw(numbers("u8")),
        signature=draw(digits(64)),
    )
    return Batch(header, records)
