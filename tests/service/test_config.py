"""Settings: the file, the environment over it, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service import config
from service.errors import SettingError

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_defaults_without_a_file(tmp_path: Path) -> None:
    assert config.load(tmp_path, {}) == config.Settings()


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    (tmp_path / config.FILE).write_text('http_port = 9000\nlog_level = "debug"\n')
    settings = config.load(tmp_path, {"ONECARD_HTTP_PORT": "9100", "ONECARD_LOG_LEVEL": ""})
    assert (settings.http_port, settings.log_level) == (9100, "debug")


@pytest.mark.parametrize(
    ("text", "sentence", "remedy"),
    [
        ("http_prot = 1", "'http_prot' that does not exist", "Did you mean http_port?"),
        ("zebra = 1", "'zebra' that does not exist", "docs/configuration.md"),
        ('http_port = "8640"', "does not hold", "docs/configuration.md"),
        ("http_port = 70000", "sets http_port to 70000", "from 0 to 65535"),
        ("http_port = ", "is not TOML", "Correct that line"),
        ('kernel = "quick"', "does not hold", "docs/configuration.md"),
    ],
)
def test_what_does_not_hold_is_one_sentence(
    tmp_path: Path, text: str, sentence: str, remedy: str
) -> None:
    (tmp_path / config.FILE).write_text(text)
    with pytest.raises(SettingError) as caught:
        config.load(tmp_path, {})
    assert sentence in caught.value.sentence
    assert remedy in caught.value.remedy


def test_a_wrong_variable_names_the_environment(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="The environment"):
        config.load(tmp_path, {"ONECARD_HTTP_PORT": "many"})


def test_the_template_holds_every_setting_at_its_default(tmp_path: Path) -> None:
    text = config.template()
    (tmp_path / config.FILE).write_text(re.sub(r"(?m)^# (\w+ = )", r"\1", text))
    assert config.load(tmp_path, {}) == config.Settings()
    assert all(f"# {name} = " in text for name in config.NAMES)


def test_every_setting_is_documented_with_its_default() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)` \| `(\w+)` \| `(.*?)` \|", DOCUMENT.read_text())
    defaults = {
        line[2:].split(" = ")[0]: line.split(" = ", 1)[1]
        for line in config.template().splitlines()
        if " = " in line
    }
    assert {name: default for name, _, default in rows} == defaults
    assert all(variable == config.variable_of(name) for name, variable, _ in rows)
