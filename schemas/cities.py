"""The eleven units of Shaanxi: area codes and issuer codes, and which of them are placeholders.

Source: UnionPay area codes and JT/T 978 issuer codes where public; a ``placeholder`` is ours until
the true one is known. Another province is another table, not other code.
"""

from typing import Final

import msgspec


class CityFacts(msgspec.Struct, frozen=True):
    """A city: UnionPay area code, names, T-Union issuer (8 bytes BCD), MOHURD city code."""

    area: str
    name: str
    chinese: str
    t_union_issuer: str
    mohurd_code: str
    placeholder: tuple[str, ...] = ()


CITIES: Final[tuple[CityFacts, ...]] = (
    CityFacts("7910", "Xi'an", "西安", "02017910", "7100"),
    CityFacts("7920", "Tongchuan", "铜川", "02047920", "7110", ("mohurd_code",)),
    CityFacts("7930", "Baoji", "宝鸡", "02027930", "7130", ("mohurd_code",)),
    CityFacts("7950", "Xianyang", "咸阳", "01967950", "7120"),
    CityFacts("7970", "Weinan", "渭南", "02037970", "7140"),
    CityFacts("7990", "Hanzhong", "汉中", "02077990", "7160", ("mohurd_code",)),
    CityFacts("8010", "Ankang", "安康", "02998010", "7170", ("t_union_issuer", "mohurd_code")),
    CityFacts("8030", "Shangluo", "商洛", "02998030", "7180", ("t_union_issuer", "mohurd_code")),
    CityFacts("8040", "Yan'an", "延安", "02068040", "7150", ("mohurd_code",)),
    CityFacts("8060", "Yulin", "榆林", "02998060", "7190", ("t_union_issuer",)),
    CityFacts("8099", "Yangling", "杨凌", "02998099", "7121", ("area", "t_union_issuer")),
)

PROVINCE: Final = "0000"
"""How the province node names itself where a city has its area code."""


def find(text: str) -> CityFacts | None:
    """The city of an area code or of a name in either language, case and apostrophes aside."""
    wanted = text.replace("'", "").replace("’", "").strip().casefold()
    for city in CITIES:
        if wanted in (city.area, city.chinese, city.name.replace("'", "").casefold()):
            return city
    return None


def issuer_bytes(code: str) -> str:
    """An issuer code as the record has it, 16 digits: ``02017910`` becomes ``0000000002017910``.

    JT/T 978 gives issuers 8 bytes; the published codes have 8 digits, and zeros fill the left.
    """
    return code.rjust(16, "0")
