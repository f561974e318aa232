"""The summary of the demonstration, for a person to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from schemas.cities import PROVINCE
from schemas.reasons import ROW, Reason
from service.demo.nodes import DemoNode
from service.demo.outcome import Outcome

WRONG_SHOWN: Final = 20


def yuan(fen: int) -> str:
    """Fen as yuan with two decimals, exactly."""
    sign, value = ("-" if fen < 0 else ""), abs(fen)
    return f"{sign}{value // 100:,}.{value % 100:02}"


def print_summary(
    console: Console, outcome: Outcome, nodes: list[DemoNode], kept: Path | None
) -> None:
    """Taps, verdicts, positions, payments, proof, rates, and where to look further."""
    for node in nodes:
        if not node.is_province:
            _verdicts(console, node, outcome.reports[node.area])
    _reasons(console, nodes, outcome.reports)
    _positions(console, nodes, outcome.reports)
    _exchange(console, nodes, outcome)
    _proof(console, nodes, outcome)
    rate = outcome.taps / outcome.seconds if outcome.seconds else 0.0
    console.print(
        f"\n{outcome.taps:,} taps durable in {outcome.seconds:.1f} s: "
        f"[bold]{rate:,.0f} durable taps/s[/bold] over HTTP, one batch at a time per city",
        highlight=False,
    )
    if kept is not None:
        console.print(f"Look further: onecard report --date … --home {kept / 'xian'}")
    if outcome.wrong:
        console.print(f"[bold red]{len(outcome.wrong)} things are not as expected:[/bold red]")
        for line in outcome.wrong[:WRONG_SHOWN]:
            console.print(f"  {line}", highlight=False, markup=False)
    else:
        console.print("[bold green]Everything came out as expected.[/bold green]")


def _verdicts(console: Console, node: DemoNode, report: dict[str, Any]) -> None:
    totals = report["totals"]
    table = Table(title=f"{node.name} {report['business_date']}", title_justify="left")
    for name in ("operator", "mode", "taps", "gross", "charged", "accepted", "net"):
        table.add_column(name, justify="left" if name in ("operator", "mode") else "right")
    for row in report["by_operator"]:
        table.add_row(
            str(row["operator"]),
            row["mode"],
            f"{row['taps']:,}",
            *(yuan(row[f"{name}_fen"]) for name in ("gross", "charged", "accepted", "net")),
        )
    table.add_section()
    table.add_row(
        "all",
        "",
        f"{totals['taps']:,}",
        *(yuan(totals[f"{name}_fen"]) for name in ("gross", "charged", "accepted")),
        "",
    )
    console.print(table)
    console.print(
        f"  accepted 正常 {totals['accepted']:,}   held 可疑 {totals['held']:,}"
        f"   rejected 拒绝 {totals['rejected']:,}   (yuan)",
        highlight=False,
    )


def _reasons(console: Console, nodes: list[DemoNode], reports: dict[str, dict[str, Any]]) -> None:
    towns = [node for node in nodes if not node.is_province]
    table = Table(title="Reasons and flags 原因", title_justify="left")
    table.add_column("reason")
    table.add_column("中文")
    for town in towns:
        table.add_column(town.name, justify="right")
    names = sorted({name for town in towns for name in reports[town.area]["reasons"]})
    for name in names:
        reason = Reason[name.upper()]
        chinese = ROW[reason].chinese if reason else "无"
        counts = [f"{reports[town.area]['reasons'].get(name, 0):,}" for town in towns]
        table.add_row(name, chinese, *counts)
    console.print(table)


def _positions(console: Console, nodes: list[DemoNode], reports: dict[str, dict[str, Any]]) -> None:
    table = Table(title="Positions 头寸 (yuan; positive: is to be paid)", title_justify="left")
    for name in ("node", "purse", "participant", "amount"):
        table.add_column(name, justify="right" if name == "amount" else "left")
    for node in nodes:
        for row in reports[node.area]["positions"]:
            table.add_row(
                node.name, str(row["purse"]), str(row["participant"]), yuan(row["amount_fen"])
            )
        table.add_section()
    console.print(table)


def _exchange(console: Console, nodes: list[DemoNode], outcome: Outcome) -> None:
    console.print("[bold]Between the cities[/bold]")
    for node in nodes:
        found = outcome.exchange[node.area]
        for cycle, cities in sorted(found.cycles.items()):
            said = ", ".join(f"{city} {yuan(fen)}" for city, fen in sorted(cities.items()))
            console.print(f"  {node.name} books for cycle {cycle}: {said}", highlight=False)
    netting = outcome.reports[PROVINCE]["netting"]
    console.print(
        f"  gross {yuan(netting['gross_fen'])}, bilateral {yuan(netting['bilateral_fen'])},"
        f" multilateral {yuan(netting['multilateral_fen'])} yuan",
        highlight=False,
    )
    for row in outcome.claims:
        console.print(
            f"  cards of {row.issuer} in {row.acquirer}: {row.debits:,} rides {yuan(row.debit_fen)},"
            f" {row.loads:,} top-ups {yuan(row.load_fen)}; their issuer refused {row.refused:,}"
            f" over {yuan(row.refused_fen)} yuan",
            highlight=False,
        )


def _proof(console: Console, nodes: list[DemoNode], outcome: Outcome) -> None:
    console.print("[bold]Proof[/bold]")
    for node in nodes:
        report = outcome.reports[node.area]
        balances = ", ".join(
            f"{purse} {yuan(fen)}" for purse, fen in report["trial_balance"].items()
        )
        console.print(f"  {node.name}: trial balance {balances}", highlight=False)
        for name in ("taps_root", "ledger_root", "seal"):
            console.print(f"    {name:11} {report[name]}", highlight=False)
        payments = report.get("payments", [])
        paid = sum(row["amount_fen"] for row in payments)
        console.print(f"    payments    {len(payments)} over {yuan(paid)} yuan", highlight=False)
    console.print(f"  verify clean: {', '.join(outcome.verified) or 'none'}", highlight=False)
