"""``onecard items``: what waits for a decision; one person proposes, another approves or declines."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from schemas.items import Action, ItemKind, ItemState
from service.commands.options import Day, home_option, json_option, run, staff_key, staff_options
from service.commands.printing import print_json, print_table
from service.text import many, yuan

if TYPE_CHECKING:
    from service.items import ItemShown, ProposalLine

_KINDS = click.Choice([kind.value for kind in ItemKind])
_ACTIONS = click.Choice([action.value for action in Action])


@click.group()
def items() -> None:
    """See what waits, and decide about it: one person proposes, another approves."""


# -- looking -------------------------------------------------------------------------------------


@items.command("list")
@click.option("--kind", type=_KINDS, help="Only items of this kind.")
@click.option(
    "--operator", type=click.IntRange(1), metavar="N", help="Only items of this operator."
)
@click.option(
    "--older-than", type=click.IntRange(0), metavar="DAYS", help="Only items older than this."
)
@click.option("--as-of", type=Day(), metavar="DATE", help="As they stood at the end of a date.")
@click.option(
    "--limit", type=click.IntRange(1), default=1_000, metavar="N", help="At most so many; 1000."
)
@click.option(
    "--skip", type=click.IntRange(0), default=0, metavar="N", help="Leave out the first N."
)
@json_option()
@home_option()
def list_items(
    kind: str | None,
    operator: int | None,
    older_than: int | None,
    as_of: date | None,
    limit: int,
    skip: int,
    as_json: bool,
    home: Path,
) -> None:
    """List open items, the oldest first, and how much money waits for how long."""
    known = None if kind is None else ItemKind(kind)
    found = run(_list(home, known, operator, older_than, as_of, limit, skip))
    if as_json:
        print_json(found)
        return
    columns = ("item", "outcome", "opened", "days", "due", "operator", "card", "yuan", "proposal")
    print_table(
        columns,
        [
            (
                line.item, line.outcome, line.opened_on, line.age_days, line.due_on, line.operator,
                line.card, yuan(line.amount_fen), line.open_proposal,
            )
            for line in found.items
        ],
        right=("days", "operator", "yuan", "proposal"),
    )  # fmt: skip
    shown = "" if len(found.items) == found.in_all else f"{len(found.items):,} of "
    click.echo(f"{shown}{many(found.in_all, 'open item')} as of {found.as_of}")
    for band in found.by_age:
        click.echo(f"  {band.days} days: {many(band.items, 'item')}, {yuan(band.amount_fen)} yuan")


async def _list(home: Path, *wanted: Any) -> Any:
    from service.items import open_desk

    async with open_desk(home) as desk:
        return await desk.list_items(*wanted)


@items.command("show")
@click.argument("item_id", metavar="ITEM_ID")
@click.option("--full", is_flag=True, help="Show the whole card number; it is written down.")
@staff_options(required=False)
@json_option()
@home_option()
def show(
    item_id: str,
    full: bool,
    staff_name: str | None,
    staff_key_file: Path | None,
    as_json: bool,
    home: Path,
) -> None:
    """Show one item: what it is, who bears it, its history, what may be done."""
    if full and not staff_name:
        raise click.UsageError("--full shows personal data: give --staff NAME and your key.")
    key = staff_key(staff_key_file) if full else ""
    found = run(_show(home, item_id, staff_name if full else None, key))
    if as_json:
        print_json(found)
        return
    for line in _lines_of(found):
        click.echo(line)


async def _show(home: Path, item_id: str, name: str | None, key: str) -> "ItemShown":
    from service.items import Signer, open_desk

    signer = Signer(name, key) if name is not None else None
    async with open_desk(home, signer, full=signer is not None) as desk:
        found = await desk.show(item_id)
        if signer is not None:
            await desk.note_look_up(item_id, signer.name)
        return found


def _lines_of(found: "ItemShown") -> Iterator[str]:
    line = found.line
    yield f"{line.item}  {found.chinese}  {found.english}"
    standing = f"  {line.state}: {line.outcome}, {yuan(line.amount_fen)} yuan"
    waits = line.state == ItemState.OPEN or line.account is not None
    nothing = ", nothing is booked" if line.state == ItemState.OPEN else ""
    yield standing + (f" on {line.account}" if line.account else nothing)
    closes = "closed" if line.due_on <= line.opened_on else "closes"
    yield (
        f"  opened {line.opened_on}, age {many(line.age_days, 'day')}; its window {closes} {line.due_on}"
    )
    if line.operator is not None:
        yield f"  operator {line.operator}"
    if line.card is not None:
        yield f"  card {line.card}"
    if waits:
        yield f"  who bears it until it is decided: {found.bearer}"
        yield f"  next: {found.next_english}  {found.next_chinese}"
    for name, value in sorted(found.body.items()):
        # What the tap's own lines say better is left out.
        if found.tap is None or not hasattr(found.tap, name):
            yield f"  {_BODY.get(name, name)}: {value}"
    yield from _tap_lines(found)
    yield "history:"
    yield f"  {line.opened_on}  opened"
    for step in found.history:
        words = (
            f"  {step.business_date}  {step.outcome}, {step.state}, {yuan(step.amount_fen)} yuan"
        )
        words += f" on {step.account}" if step.account else ""
        words += f", entry {step.entry}" if step.entry else ""
        words += f", proposal {step.proposal}" if step.proposal else ""
        yield words
        for name, value in sorted(step.body.items()):
            yield f"    {name}: {value}"
    if found.proposals:
        yield "proposals:"
    for proposal in found.proposals:
        yield from _proposal_lines(proposal)
    yield "may be proposed:" if found.actions else "nothing is left to decide"
    for action, (chinese, english) in found.actions.items():
        yield f"  {action}: {english}  {chinese}"


_BODY: Final = {
    "batch": "the operator's batch number",
    "debits": "missing debits",
    "loads": "missing loads",
    "first": "first one missing",
    "last": "last one missing",
    "left": "the tap before it",
    "right": "the tap after it",
    "since": "time of the tap before it",
    "decided_from": "goes on from",
}
"""What an item knows of itself, in words."""


def _tap_lines(found: "ItemShown") -> Iterator[str]:
    tap = found.tap
    if tap is None:
        return
    yield f"tap {tap.tap}  {tap.kind} at {tap.tapped_at}, operator {tap.operator}, {tap.terminal}"
    yield f"  {tap.verdict}: {tap.reason}  {tap.english}  {tap.chinese}"
    if tap.flags:
        yield f"  also {', '.join(tap.flags)}"
    proven = "is proven" if tap.debit_proven else "is not proven"
    yield (
        f"  charged {yuan(tap.amount_fen)}, our tariff {yuan(tap.priced_fen)},"
        f" credited {yuan(tap.credited_fen)} yuan; a debit {proven}"
    )
    yield f"  more: onecard explain {tap.tap}"


def _proposal_lines(line: "ProposalLine") -> Iterator[str]:
    agent = f", refund agent {line.refund_agent}" if line.refund_agent else ""
    yield (
        f"  {line.proposal}  {line.action} {line.item}{agent}: {line.why}"
        f"  ({line.proposed_by}, {line.proposed_on})"
    )
    for account, purpose, fen in line.would["postings"]:
        side = "debit " if fen > 0 else "credit"
        yield f"      {side} {account}  {purpose}  {yuan(abs(fen))}"
    if line.would["adjustment_fen"]:
        yield f"      what is owed to the card changes by {yuan(line.would['adjustment_fen'])}"
    for name, fen in line.would["opens"]:
        yield f"      opens {name} with {yuan(fen)}"
    if line.decided is None:
        yield "      open: another person approves or declines it"
    else:
        why = f": {line.decided_why}" if line.decided_why else ""
        yield f"      {line.decided} by {line.decided_by} on {line.decided_on}{why}"


@items.command("proposals")
@click.option("--open", "open_only", is_flag=True, help="Only those that nobody has decided.")
@json_option()
@home_option()
def proposals(open_only: bool, as_json: bool, home: Path) -> None:
    """List proposals and what was decided of them."""
    found = run(_proposals(home, open_only))
    if as_json:
        print_json(found)
        return
    for proposal in found:
        for line in _proposal_lines(proposal):
            click.echo(line)
    click.echo(many(len(found), "proposal"))


async def _proposals(home: Path, open_only: bool) -> "list[ProposalLine]":
    from service.items import open_desk

    async with open_desk(home) as desk:
        return await desk.proposals(open_only=open_only)


# -- deciding ------------------------------------------------------------------------------------


@items.command("propose")
@click.argument("item_id", metavar="ITEM_ID")
@click.argument("action", metavar="ACTION", type=_ACTIONS)
@click.option("--why", required=True, help="Your reason, for the person who decides.")
@click.option(
    "--refund-agent",
    type=click.IntRange(1),
    metavar="N",
    help="Operator that pays the cardholder, to return and reverse.",
)
@staff_options()
@home_option()
def propose(
    item_id: str,
    action: str,
    why: str,
    refund_agent: int | None,
    staff_name: str,
    staff_key_file: Path | None,
    home: Path,
) -> None:
    """Propose what is to become of an item, and see what that would book."""
    key = staff_key(staff_key_file)
    line = run(_propose(home, item_id, Action(action), (why, refund_agent or 0), staff_name, key))
    for text in _proposal_lines(line):
        click.echo(text)
    click.echo(
        f"Proposal {line.proposal}: another person runs onecard items approve {line.proposal}."
    )


async def _propose(
    home: Path, item_id: str, action: Action, said: tuple[str, int], name: str, key: str
) -> "ProposalLine":
    from service.items import Signer, open_desk
    from settlement.decisions import Words

    async with open_desk(home, Signer(name, key)) as desk:
        _, line = await desk.propose(item_id, action, Words(*said), name)
        return line


@items.command("approve")
@click.argument("proposal", metavar="PROPOSAL", type=click.IntRange(1))
@click.option("--why", default="", help="What you looked at.")
@staff_options()
@home_option()
def approve(
    proposal: int, why: str, staff_name: str, staff_key_file: Path | None, home: Path
) -> None:
    """Approve another person's proposal: what it says is done, on the open date."""
    on = run(_decide(home, proposal, True, why, staff_name, staff_key(staff_key_file)))
    click.echo(f"Proposal {proposal} is approved, with effect on {on}.")


@items.command("decline")
@click.argument("proposal", metavar="PROPOSAL", type=click.IntRange(1))
@click.option("--why", required=True, help="Why not.")
@staff_options()
@home_option()
def decline(
    proposal: int, why: str, staff_name: str, staff_key_file: Path | None, home: Path
) -> None:
    """Decline another person's proposal: the item stays as it is."""
    on = run(_decide(home, proposal, False, why, staff_name, staff_key(staff_key_file)))
    click.echo(f"Proposal {proposal} is declined on {on}; its item stays open.")


async def _decide(home: Path, proposal: int, approved: bool, why: str, name: str, key: str) -> date:
    from service.items import Signer, open_desk

    async with open_desk(home, Signer(name, key)) as desk:
        decision = await desk.decide(proposal, approved, why, name)
        return decision.business_date
