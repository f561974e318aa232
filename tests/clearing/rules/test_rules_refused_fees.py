"""Wrong fees: each is refused with a message of its own, at its own line.

A case is a fee; the line that must be named is the one where ``<<`` stands, which is taken out first.
"""

import pytest

from clearing.errors import RuleError
from clearing.rules import load

START = "[[fee.standard]]\nsince = 2026-01-01\n"
END = 'rounding = "down"\nrecipients = [{ role = "clearing_centre", per_mille = 1000 }]\n'
TIERS = "tiers = [\n{ from_fen = 0, per_mille = 5 },\n{ from_fen = 1000, per_mille = 3 },\n]\n"
RIDES = "tiers = [\n{ from_taps = 0, per_tap_fen = 5 },\n{ from_taps = 10, per_tap_fen = 3 },\n]\n"
MONTHLY = 'per_mille = 5\nbilling = "monthly"\n'
ISSUER = 'bearer = "issuer"\nper_mille = 5\n'

CASES = {
    "on nothing": (START.replace("]]", "]]<<") + END, "The fee is on nothing"),
    "tiers that do not rise": (
        START + TIERS.replace("from_fen = 1000", "from_fen = 0<<") + END,
        "The tier from 0 does not rise above the one before it, from 0",
    ),
    "tiers that fall": (
        START + RIDES.replace("]\n", "{ from_taps = 9, per_tap_fen = 1 },<<\n]\n") + END,
        "The tier from 9 does not rise above the one before it, from 10",
    ),
    "first tier late": (
        START + TIERS.replace("from_fen = 0", "from_fen = 1<<") + END,
        "The first tier begins at 1; below it there is no rate",
    ),
    "no tiers": (START + "tiers = []<<\n" + END, "tiers is an empty list"),
    "tiers by two measures": (
        START + TIERS.replace("from_fen = 1000", "from_taps = 1000<<") + END,
        "The tier has from_taps; the first one is by from_fen",
    ),
    "rate of the other measure": (
        START + RIDES.replace("10, per_tap_fen = 3", "10, per_mille = 3<<") + END,
        "The tier has per_mille; the first one is by from_taps",
    ),
    "tier without rate": (
        START + TIERS.replace("from_fen = 1000, per_mille = 3 }", "from_fen = 1000 }<<") + END,
        "The key 'per_mille' is missing",
    ),
    "unknown key of a tier": (
        START + TIERS.replace("per_mille = 3", "per_mille = 3, upto = 4<<") + END,
        "There is no key 'upto' here",
    ),
    "tier above all": (
        START + TIERS.replace("per_mille = 3", "per_mille = 1001<<") + END,
        "per_mille is 1001",
    ),
    "nothing of principal": (START + "per_mille = 0<<\n" + END, "The fee takes nothing"),
    "nothing of rides": (START + "per_tap_fen = 0<<\nmax_fen = 9\n" + END, "all its rates are 0"),
    "nothing in any tier": (
        START + TIERS.replace("tiers = [", "tiers = [<<").replace("= 5 }", "= 0 }").replace("= 3 }", "= 0 }") + END,
        "The fee takes nothing: all its rates are 0",
    ),
    "at most nothing": (START + "per_mille = 5\nmax_fen = 0<<\n" + END, "at most nothing"),
    "tier beyond all sums": (
        START + TIERS.replace("from_fen = 1000", "from_fen = 9007199254740992<<") + END,
        "from_fen is 9007199254740992; it must be from 0 to 9007199254740991",
    ),
    "least fee beyond all sums": (
        START + "per_mille = 5\nmin_fen = 9007199254740992<<\n" + END,
        "min_fen is 9007199254740992; it must be from 0 to 9007199254740991",
    ),
    "two rates on principal": (
        START + "per_mille = 5<<\n" + TIERS + END,
        "per_mille stands beside tiers that set it",
    ),
    "two rates on rides": (
        START + "per_tap_fen = 5<<\n" + RIDES + END,
        "per_tap_fen stands beside tiers that set it",
    ),
    "negative ride": (START + "per_tap_fen = -1<<\n" + END, "per_tap_fen is -1"),
    "bounds exchanged": (
        START + MONTHLY + "min_fen = 10\nmax_fen = 9<<\n" + END,
        "max_fen 9 is below min_fen 10",
    ),
    "bounds of a day": (
        START + MONTHLY + "min_day_fen = 10<<\n" + END,
        "There is no key 'min_day_fen' here",
    ),
    "unknown bearer": (
        START + 'per_mille = 5\nbearer = "budget"<<\n' + END,
        "bearer does not know 'budget'",
    ),
    "unknown billing": (
        START + 'per_mille = 5\nbilling = "yearly"<<\n' + END,
        "billing does not know 'yearly'",
    ),
    "unknown cards": (START + 'per_mille = 5\nof = "others"<<\n' + END, "of does not know 'others'"),
    "unknown recipient": (
        START + "per_mille = 5\n" + END.replace('centre", per_mille', 'center"<<, per_mille'),
        "role does not know 'clearing_center'",
    ),
    "recipients below the whole": (
        START + "per_mille = 5\n" + END.replace("1000 }]", "999 }]<<"),
        "The shares sum to 999 per mille",
    ),
    "no rounding": (
        START.replace("]]", "]]<<") + "per_mille = 5\n" + END.replace('rounding = "down"\n', ""),
        "The key 'rounding' is missing",
    ),
    "monthly from the second": (
        START.replace("01-01", "01-02<<") + MONTHLY + END,
        "A fee that is billed monthly begins inside a month",
    ),
    "tiers from the second": (
        START.replace("01-01", "01-02<<") + TIERS + END,
        "A fee that is with tiers begins inside a month",
    ),
    "monthly until the third": (
        START + "until = 2026-03-03<<\n" + MONTHLY + END,
        "A fee that is billed monthly ends inside a month, before 2026-03-03",
    ),
    "tiers until the next version": (
        START.replace("01-01", "01-01<<") + TIERS + END
        + START.replace("01-01", "02-02") + "per_mille = 5\n" + END,
        "A fee that is with tiers ends inside a month, before 2026-02-02",
    ),
    "an operator pays itself": (
        START + "per_mille = 5\n" + END.replace("clearing_centre", "operator").replace("}]", "}]<<"),
        "operator would pay the fee to itself",
    ),
    "our issuer pays itself": (
        START + ISSUER + 'of = "own"\n'
        + END.replace("clearing_centre", "issuer").replace("}]", "}]<<"),
        "issuer would pay the fee to itself",
    ),
    "the province pays itself": (
        START + ISSUER + 'of = "foreign"\n'
        + END.replace("clearing_centre", "province").replace("}]", "}]<<"),
        "province would pay the fee to itself",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_refused_at_its_line(name: str) -> None:
    text, sentence = CASES[name]
    assert text.count("<<") == 1
    line = text[: text.index("<<")].count("\n") + 1
    with pytest.raises(RuleError) as caught:
        load({"town/rules.toml": text.replace("<<", "")})
    assert sentence in caught.value.sentence
    assert (caught.value.file, caught.value.line) == ("town/rules.toml", line)
    assert caught.value.remedy


def test_messages_differ() -> None:
    assert len({sentence for _, sentence in CASES.values()}) == len(CASES)


def test_the_pieces_hold_by_themselves() -> None:
    """So what is refused above is refused for what was added to them."""
    for rates in (
        TIERS,
        RIDES,
        MONTHLY,
        ISSUER,
        "per_mille = 5\nper_tap_fen = 1\n",
        "per_tap_fen = 2\n" + TIERS,
    ):
        assert load({"town/rules.toml": START + rates + END}).fee_names() == ("town/standard",)
