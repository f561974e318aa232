"""What a simulation says to people, in both languages."""

from collections.abc import Mapping
from typing import Final

from clearing.kernel import FOREIGN_CARD
from clearing.rules.words import CARDS
from service.text import Said

WORDS: Final[Mapping[str, Said]] = {
    "title": Said("规则试算", "What other rules would have done"),
    "operator": Said("运营商", "operator"),
    "card_kind": Said("卡种", "card kind"),
    "line": Said("线路", "line"),
    "date": Said("清算日期", "business date"),
    "account": Said("账户", "account"),
    "all": Said("合计", "all"),
    "others": Said("其余", "others"),
    "unchanged": Said("无变化", "unchanged"),
    "rides": Said("乘次", "rides"),
    "changed": Said("更正笔数", "to correct"),
    "charged": Said("实收", "charged"),
    "fare_before": Said("现行应收", "fare now"),
    "fare_after": Said("新规应收", "fare new"),
    "fare_change": Said("应收增减", "fare ±"),
    "subsidy_before": Said("现行补贴", "subsidy now"),
    "subsidy_after": Said("新规补贴", "subsidy new"),
    "subsidy_change": Said("补贴增减", "subsidy ±"),
    "credited_change": Said("更正入账增减", "re-clear ±"),
    "reclear_subsidy_change": Said("更正补贴增减", "re-clear subsidy ±"),
    "share_before": Said("现行分得", "share now"),
    "share_after": Said("新规分得", "share new"),
    "share_change": Said("分得增减", "share ±"),
    "reclear_share_change": Said("更正分得增减", "re-clear ±"),
    "new_account": Said("新开", "to be opened"),
    "nothing": Said("没有变化", "nothing changes"),
    "axis": Said("增减（元）", "change in yuan"),
    "series_fare": Said("预测：应收", "forecast: fares"),
    "series_subsidy": Said("预测：补贴", "forecast: subsidies"),
    "series_credited": Said("更正：入账", "re-clear: credited"),
    "by_operator": Said("按运营商", "by operator"),
    "by_card_kind": Said("按卡种", "by card kind"),
    "by_line": Said("按线路", "by line"),
    "by_date": Said("按清算日期", "by business date"),
    "left_out": Said("更正未列入", "left out of the re-clearing"),
    "why": Said("原因", "why"),
    "left_taps": Said("笔数", "taps"),
    "left_credited": Said("入账增减", "would be credited ±"),
    "by_account": Said("按账户（分账）", "by account (apportionment)"),
    "forecast": Said(
        "预测：假定设备按各自规则收费。应收为规则所定票价，补贴为应由他方承担的优惠。",
        "Forecast: as if devices charged by either rules. Fares are what the rules ask for, subsidies what"
        " others than the operator bear of it.",
    ),
    "reclear": Said(
        "更正：即 onecard reclear 对各日将提出的更正。卡片签名的实收金额不变；各日分别更正，不影响以后各日的"
        "累计与换乘；未列入者另表列出。",
        "Re-clear: what onecard reclear would propose for each date. The amounts that cards signed stay; each"
        " date is corrected for itself, accumulations and transfers of later dates are not; what is left out"
        " has a table of its own.",
    ),
    "untouched": Said(
        "数据库未作任何改动；金额单位为元；乘次为运营商提交的全部扣款交易，金额只计正常交易。",
        "The database was not touched. Money is in yuan, of accepted rides; rides are all debits that"
        " operators handed in, whatever their verdict.",
    ),
}  # fmt: skip

LANGUAGES: Final = ("zh", "en")


def word(name: str, language: str) -> str:
    """A word in a language, ``zh`` or ``en``."""
    found: str = getattr(WORDS[name], language)
    return found


def both(name: str) -> str:
    """A word in English and Chinese, as the terminal's tables have it."""
    said = WORDS[name]
    return f"{said.en} {said.zh}"


def card_words(card_kind: int) -> Said:
    """A card kind as issued."""
    if card_kind == FOREIGN_CARD:
        return Said("外地卡", "other cities' cards")
    if card_kind == 0:
        return Said("卡种不明", "cards of unknown kind")
    english, chinese = CARDS.get(card_kind, (f"card kind {card_kind}", f"卡种{card_kind}"))
    return Said(chinese, english)
