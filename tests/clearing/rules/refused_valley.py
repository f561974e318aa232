"""Wrong rule files of a valley: calendars, hours, surcharges, stays, sections, zones, accumulations."""

from pathlib import Path

from clearing.rules import read
from tests.clearing.rules.refusing import Catalogue

VALLEY = read([Path(__file__).parent / "valley"])
R, D = "valley/rules.toml", "days/rules.toml"
HOURS = '{ days = ["workday"], to = 07:00:00, of = "entry" },'
NIGHT = "hours = [{ from = 22:00:00 }, { to = 05:00:00 }]"
SPRING = "from = 2025-01-28, to = 2025-02-04, workdays = [2025-01-26, 2025-02-08]"
RIDE = 'pairs = [{ from = "bus", to = "metro" }'
LAST_TIER = "{ from_fen = 15000, pay_per_mille = 500 },"
CALENDAR = 'calendar = "days/made-up"'
ENTRY = 'entry_stations = ["mill"]'

EARLY = VALLEY[R][VALLEY[R].index('{ name = "early"') :]
ACCUMULATION = VALLEY[R][VALLEY[R].index('period = "month"') :]

CASES = (
    # name, file, what is replaced, by what, part of the sentence
    ("years_without_order", D, "[2025, 2026]", "[2026, 2025]<<", "2025 does not follow 2026"),
    ("year_left_out", D, "[2025, 2026]", "[2024, 2026]<<", "2026 does not follow 2024"),
    ("no_year", D, "[2025, 2026]", '[2025, "2026"]<<', "'2026' is no year"),
    ("year_too_early", D, "[2025, 2026]", "[1999, 2025]<<", "1999 is no year"),
    ("year_not_announced", D, "[2025, 2026]", "[2025, 2026, 2027]<<", "2027 has no holiday"),
    ("holiday_of_another_year", D, "[2025, 2026]", "[2025]", "2026-01-01 is in none"),
    ("holiday_backwards", D, SPRING, "from = 2025-02-04, to = 2025-01-28<<", "before it begins"),
    ("holidays_overlap", D, "holidays = [",
     'holidays = [{ name = "x", from = 2025-02-04 },', "spring and x overlap on 2025-02-04"),
    ("worked_on_a_friday", D, "2025-02-08]", "2025-02-07]<<", "a Friday, is a workday already"),
    ("worked_twice", D, "2025-02-08]", "2025-01-26]<<", "2025-01-26, a Sunday, is a workday"),
    ("worked_on_a_holiday", D, "2025-02-08]", "2025-02-01]<<", "2025-02-01 is a holiday and worked"),
    ("worked_in_another_year", D, "[2026-01-04]", "[2027-01-03]<<", "2027-01-03 is in none"),
    ("day_in_quotes", D, "from = 2026-01-01", 'from = "2026-01-01"<<', "must be a date"),
    ("day_with_a_time", D, "from = 2026-01-01", "from = 2026-01-01T08:00:00<<", "a date and time"),
    ("calendar_dated", D, "[calendar.made-up]", "[[calendar.made-up]]<<", "A calendar is one table"),
    ("unknown_holiday_key", D, "2026-01-04]", "2026-01-04], rest = 1<<", "no key 'rest'"),
    ("need_absent", R, 'needs = ["days"]', 'needs = ["weeks"]<<', "needs 'weeks', which is not there"),
    ("need_not_said", R, 'needs = ["days"]\n', "", "'days', which this set does not need"),
    ("unknown_calendar", R, CALENDAR, 'calendar = "days/made-down"<<', "'days/made-down'"),
    ("calendar_of_no_set", R, CALENDAR, 'calendar = "made-up"<<', "does not know 'made-up'"),
    ("days_without_calendar", R, CALENDAR + "\n", "", "has no calendar"),
    ("unknown_day_kind", R, '["workday"]', '["weekday"]<<', "days does not know 'weekday'"),
    ("day_kind_twice", R, '["workday"]', '["workday", "workday"]<<', "days has workday twice"),
    ("hours_backwards", R, HOURS, "{ from = 09:00:00, to = 07:00:00 },<<",
     "end at 07:00, before they begin at 09:00"),
    ("hours_of_nothing", R, HOURS, "{ from = 07:00:00, to = 07:00:00 },<<", "end at 07:00, before"),
    ("hours_overlap", R, HOURS, HOURS + '\n{ from = 06:59:59, to = 08:00:00, of = "entry" },<<',
     "from 06:59:59 to 08:00 overlap those from 00:00 to 07:00"),
    ("hours_that_say_nothing", R, HOURS, '{ of = "entry" },<<', "neither days nor times"),
    ("hours_in_quotes", R, "to = 07:00:00", 'to = "07:00"<<', "must be a time of day"),
    ("hours_in_parts", R, "to = 07:00:00", "to = 07:00:00.5<<", "a part of a second"),
    ("unknown_basis", R, 'of = "entry"', 'of = "exit"<<', "of does not know 'exit'"),
    ("unknown_hours_key", R, 'of = "entry"', "off = 1<<", "no key 'off'"),
    ("class_never_reached", R, '{ name = "visitor", card_kind = "any_other"',
     ('{ name = "other", card_kind = "ordinary", pay_per_mille = 1, rounding = "up", bearer = "issuer" },<<\n'
     '{ name = "visitor", card_kind = "any_other"'),
     "'ordinary' and 'other' are for the same cards"),
    ("class_that_no_sum_tells", R, '{ name = "visitor", card_kind = "any_other"',
     ('{ name = "guest", card_kind = "any_other", pay_per_mille = 950, rounding = "up", bearer = "budget",'
     ' entry_stations = ["mill"] },\n{ name = "visitor", card_kind = "any_other"<<'),
     "'guest' and 'visitor' take off the same"),
    ("accumulation_beside_transfer", R, 'cap_fen = 20000\nrounding = "half_up"\nbearer = "operator"',
     'cap_fen = 20000\nrounding = "half_up"\nbearer = "issuer"', "the transfer are borne by different"),
    ("accumulation_beside_class", R, EARLY,
     EARLY.replace('"operator", entry_', '"issuer", entry_').replace('up"\nbearer = "operator"', 'up"\nbearer = "budget"'),
     "the class 'early' are borne by different"),
    ("class_name_twice", R, 'name = "ordinary"', 'name = "early"<<', "Two classes are called 'early'"),
    ("unknown_entry_station", R, ENTRY, 'entry_stations = ["mull"]<<', "no station 'mull'"),
    ("entry_station_twice", R, ENTRY, 'entry_stations = ["mill", 1]<<', "1 is named twice"),
    ("entry_stations_by_amount", R, "[[discount.card]]\nsince = 2020-01-01",
     "[[discount.card]]\nsince = 2020-01-01\nby_amount = true", "hours cannot be told"),
    ("unknown_foreign_class", R, '"visitor"\ntr', '"guest"<<\ntr', "does not know 'guest'"),
    ("surcharge_of_nothing", R, ", add_fen = 50", "<<", "adds nothing"),
    ("surcharge_on_no_line", R, 'lines = ["blue"]', 'lines = ["green"]<<', "no line 'green'"),
    ("surcharge_line_twice", R, 'lines = ["blue"]', 'lines = ["blue", 2]<<', "a line twice"),
    ("surcharge_twice", R, 'name = "night"', 'name = "blue line"<<', "called 'blue line'"),
    ("surcharge_negative", R, "add_fen = 50", "add_fen = -50<<", "add_fen is -50"),
    ("surcharge_over_midnight", R, NIGHT, "hours = [{ from = 22:00:00, to = 05:00:00 }]<<",
     "end at 05:00, before they begin at 22:00"),
    ("overstay_without_fare", R, 'overstay_fen = "top"\n', "", "overstay_s is given, overstay_fen is not"),
    ("overstay_unknown_word", R, 'overstay_fen = "top"', 'overstay_fen = "most"<<', "'most'"),
    ("late_without_time", R, "same_station_s = 1200\n", "", "same_station_s is not"),
    ("unknown_degraded", R, 'degraded = "flat"', 'degraded = "half"<<', "'half'"),
    ("degraded_without_fare", R, "degraded_fen = 150\n", "", "degraded_fen and degraded"),
    ("unknown_missing_entry", R, '"minimum"', '"most"<<', "missing_entry does not know 'most'"),
    ("overstay_of_a_bus", R, "[[tariff.coach]]",
     ('[[tariff.bus]]\nsince = 2020-01-01\ntype = "flat"\ntaps = ["bus_flat"]\nfare_fen = 1\n'
     'overstay_s = 5<<\noverstay_fen = 2\n[[tariff.coach]]'), "no rides from station to station"),
    ("surcharge_on_a_declared_fare", R, "[[tariff.coach]]",
     ('[[tariff.bus]]\nsince = 2020-01-01\ntype = "declared"\ntaps = ["bus_flat"]\nmin_fen = 0\n'
      'max_fen = 9\nstep_fen = 1\nsurcharges = [{ name = "x", add_fen = 1 }]<<\n[[tariff.coach]]'),
     "has its surcharges in it"),
    ("network_changes", R, "[[tariff.tram]]\nsince = 2026-01-01\n", "[[tariff.late]]\nsince = 2026-01-01\n",
     "changes on 2026-01-01 00:00:00, in the middle"),
    ("network_too_young", R, "[[tariff.tram]]\nsince = 2020-01-01",
     "[[tariff.tram]]\nsince = 2019-01-01", "No version of the network is in force at 2019"),
    ("stop_twice", R, '"church", "lake"], ends', '"church", "mill"], ends<<', "a stop twice"),
    ("stop_unknown", R, '"church", "lake"], ends', '"chapel", "lake"], ends<<', "no station 'chapel'"),
    ("section_end_elsewhere", R, '"church", "lake"], ends', '"church"], ends<<', "not stop at 'lake'"),
    ("section_band", R, "to_sections = 1", "to_sections = 0", "to_sections is 0"),
    ("sections_unserved", R, '["mill", "bridge", "church", "lake"], ends = ["bridge", "lake"]',
     '["mill", "bridge", "church"], ends = ["bridge"]', "No route serves lake"),
    ("zone_twice", R, 'name = "middle"', 'name = "inner"<<', "Two zones are called 'inner'"),
    ("zone_not_touching", R, 'stations = ["lake"]', 'stations = ["mill", "lake"]<<',
     "mill lies in zone 'inner' already"),
    ("station_in_no_zone", R, 'stations = ["bridge", "church"]', 'stations = ["bridge"]',
     "church lies in no zone"),
    ("zones_apart", R, ', { from = "middle", to = "outer" }]', "]", "to zone 'outer'"),
    ("border_with_itself", R, 'to = "middle" }', 'to = "inner" }<<', "borders on itself"),
    ("border_with_nothing", R, 'to = "middle" }', 'to = "far" }<<', "to does not know 'far'"),
    ("zone_bands", R, "to_zones = 1, fare_fen = 200", "to_zones = 1, fare_fen = 2147483647",
     "A fare by zones is too large"),
    ("fen_for_per_mille", R, "pay_per_mille = 250", "value_fen = 250<<", "value_fen means nothing"),
    ("nothing_to_round", R, 'type = "per_mille"\npay_per_mille = 250', 'type = "free"', "nothing to round"),
    ("unknown_mode", R, RIDE, 'pairs = [{ from = "boat", to = "metro" }<<', "does not know 'boat'"),
    ("pair_twice", R, "{ from = 7, to", '{ from = "bus", to', "from bus is given twice"),
    ("pair_to_elsewhere", R, 'taps = ["metro_tap_out"]\nnetwork = "tram"\nzones',
     'taps = ["taxi_trip"]\nnetwork = "tram"\nzones', "No pair of the transfer leads to taxi"),
    ("unknown_accumulation", R, 'accumulation = "month"', 'accumulation = "year"<<', "'year'"),
    ("cap_below_tier", R, "cap_fen = 20000", "cap_fen = 15000<<", "cap of 15000 fen is below the tier"),
    ("tiers_fall", R, LAST_TIER, "{ from_fen = 9000, pay_per_mille = 500 },<<", "not above the one"),
    ("tier_begins_late", R, "from_fen = 0,", "from_fen = 1,<<", "first tier begins at 1 fen"),
    ("tier_pays_too_much", R, LAST_TIER, "{ from_fen = 15000, pay_per_mille = 1500 },<<",
     "pay_per_mille is 1500"),
    ("unknown_period", R, 'period = "month"', 'period = "year"<<', "period does not know 'year'"),
    ("cap_of_a_day", R, ACCUMULATION, ACCUMULATION.replace("month", "day").replace("20000", "65536"),
     "65536 fen in a day is more than a card's line counts to"),
)  # fmt: skip

NAMED = {
    # where the mark cannot stand in the replacement, the text whose line must be named
    "holiday_of_another_year": (D, '{ name = "new year"'),
    "holidays_overlap": (D, '{ name = "spring"'),
    "need_not_said": (R, 'calendar = "days'),
    "days_without_calendar": (R, "entry_stations = "),
    "entry_stations_by_amount": (R, 'name = "early"'),
    "overstay_without_fare": (R, "overstay_s = 7200"),
    "late_without_time": (R, "same_station_late_fen"),
    "degraded_without_fare": (R, 'degraded = "flat"'),
    "network_changes": (R, 'network = "tram"\ncalendar'),
    "network_too_young": (R, 'network = "tram"\ncalendar'),
    "section_band": (R, "to_sections = 0"),
    "sections_unserved": (R, "routes = ["),
    "station_in_no_zone": (R, "zones = ["),
    "zones_apart": (R, "borders = ["),
    "zone_bands": (R, "bands = [{ to_zones"),
    "nothing_to_round": (R, 'rounding = "down"'),
    "pair_twice": (R, 'pairs = [{ from = "bus"'),
    "pair_to_elsewhere": (R, 'transfer = "change"\n\n[[discount'),
    "accumulation_beside_transfer": (R, 'accumulation = "month"'),
    "accumulation_beside_class": (R, 'accumulation = "month"'),
    "cap_of_a_day": (R, "cap_fen = 65536"),
}

CATALOGUE = Catalogue(VALLEY, CASES, NAMED)
