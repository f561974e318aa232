"""What the generator wrote beforehand is what each kernel answers, to the fen, fault by fault."""

from __future__ import annotations

from datetime import date

from clearing._reference import ReferenceKernel
from loadtest.auditor import compare
from loadtest.province import Province
from tests.simulation.province import answers, judge_all, open_kernel


def test_reference_kernel_answers_as_expected() -> None:
    province = Province(7, 6000, date(2026, 1, 5))
    kernels = {city: open_kernel(ReferenceKernel(), province, city) for city in province.cities}
    actual = [
        answer
        for city, batch, judgement in judge_all(province, kernels)
        for answer in answers(city, batch, judgement)
    ]
    differences = list(compare(Province(7, 6000, date(2026, 1, 5)).expected(), actual))
    assert differences == []
