"""docs/tracking.md: its programs run, its parameters are those of the configuration."""

import re
from pathlib import Path

import pytest

from fairmot.config import TrackerConfig
from fairmot.tracking.matching import Stage
from fairmot.tracking.pair_costs import Reason, TrackState
from fairmot.tracking.record import Event, Fate, load_record

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tracking.md").read_text(encoding="utf-8")


def test_the_programs_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    pytest.importorskip("supervision")
    monkeypatch.chdir(tmp_path)
    names = {}
    programs = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(programs) == 3
    for program in programs:
        exec(program, names)  # our own page
    assert names["tracks"].ids.tolist() == [1]
    assert names["tracked"].tracker_id.tolist() == [1]
    assert names["tracked"]["name"].tolist() == ["Ada"]
    assert len(load_record("street.npz").pairs) == 2
    assert "[1]" in capsys.readouterr().out


def test_every_parameter_is_in_the_table():
    rows = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", PAGE, flags=re.MULTILINE))
    for name, field in TrackerConfig.model_fields.items():
        assert rows[name] == f"{field.default:g}" if type(field.default) is float else str(field.default), name


@pytest.mark.parametrize(
    ("column", "codes"), [("fate", Fate), ("state", TrackState), ("stage", Stage), ("reason", Reason), ("kind", Event)]
)
def test_every_code_is_in_the_table(column, codes):
    (values,) = re.findall(rf"^\| `{column}` \| (.*) \|$", PAGE, flags=re.MULTILINE)
    assert [int(code) for code in re.findall(r"(?:^|, )(\d)", values)] == [int(code) for code in codes]
