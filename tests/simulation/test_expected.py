"""What the generator wrote beforehand is what each kernel answers, to the fen, fault by fault."""

from __future__ import annotations

from datetime import date

import pytest

from clearing.kernel import choose
from loadtest.auditor import compare
from loadtest.province import Province
from tests.simulation.province import answers, judge_all, open_kernel


@pytest.mark.parametrize("name", ["fastpath", "reference"])
def test_kernel_answers_as_expected(name: str) -> None:
    province = Province(7, 6000, date(2026, 1, 5))
    kernels = {city: open_kernel(choose(name), province, city) for city in province.cities}
    actual = [
        answer
        for city, batch, judgement in judge_all(province, kernels)
        for answer in answers(city, batch, judgement)
    ]
    differences = list(compare(Province(7, 6000, date(2026, 1, 5)).expected(), actual))
    assert differences == []
