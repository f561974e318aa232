"""Every mutant can still be applied and names tests that exist; three are hunted, all in torture."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import pytest

from service.database import Server
from tests.mutants.run import ROOT, Tree, copied_tree
from tests.mutants.table import MUTANTS, Mutant

QUICK = (
    "plain: any TAC is right",
    "plain: remainders are given from the smallest",
    "plain: undo forgets the identities",
)
"""What ``make test`` hunts: in plain Python, by tests that need no database."""


def named(mutant: Mutant) -> str:
    return mutant.name


def test_there_are_mutants_all_over_the_engine() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len(set(names)) >= 24
    assert set(QUICK) <= set(names)
    rooms = {mutant.file.rpartition("/")[0] for mutant in MUTANTS}
    assert rooms >= {
        "clearing", "clearing/_reference", "clearing/_kernels", "settlement", "settlement/chains",
        "settlement/items", "settlement/decisions", "settlement/exchange",
    }  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=named)
def test_a_mutant_has_its_place(mutant: Mutant) -> None:
    """Its text stands there exactly once, what replaces it is another one that can be read, and it says why."""
    text = (ROOT / mutant.file).read_text("utf-8")
    assert text.count(mutant.old) == 1
    assert mutant.new != mutant.old
    if mutant.file.endswith(".py"):
        ast.parse(text.replace(mutant.old, mutant.new))
    assert mutant.why


@pytest.mark.parametrize("mutant", MUTANTS, ids=named)
def test_a_mutant_names_tests_that_exist(mutant: Mutant) -> None:
    assert mutant.killed_by
    for node_id in mutant.killed_by:
        file, _, name = node_id.partition("::")
        module = ast.parse((ROOT / file).read_text("utf-8"))
        functions = {
            part.name
            for part in module.body
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef))
        }
        assert not name or name.partition("[")[0] in functions, node_id


@pytest.fixture(scope="module")
def tree(postgres: Server) -> Iterator[Tree]:
    """A copy to sabotage, which is the same again afterwards."""
    with copied_tree(postgres.dsn) as copy:
        before = _contents(copy)
        yield copy
        assert _contents(copy) == before


def _contents(tree: Tree) -> dict[str, bytes]:
    names = {mutant.file for mutant in MUTANTS}
    return {name: (tree.root / name).read_bytes() for name in sorted(names)}


def _hunted(tree: Tree, mutant: Mutant, note: Callable[[str, object], None]) -> None:
    before = (ROOT / mutant.file).read_bytes()
    result = tree.hunt(mutant)
    assert (ROOT / mutant.file).read_bytes() == before
    note("killed_by", result.killed_by)
    assert result.killed_by, f"{mutant.name} survived: {mutant.why}"


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.name in QUICK], ids=named)
def test_a_mutant_is_killed(
    tree: Tree, mutant: Mutant, record_property: Callable[[str, object], None]
) -> None:
    _hunted(tree, mutant, record_property)


@pytest.mark.torture
@pytest.mark.parametrize("mutant", MUTANTS, ids=named)
def test_all_mutants_are_killed(
    tree: Tree, mutant: Mutant, record_property: Callable[[str, object], None]
) -> None:
    _hunted(tree, mutant, record_property)
