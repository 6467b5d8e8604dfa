import pytest
from rich.console import Console

import fairmot
from fairmot.evaluation.tables import (
    COLUMNS,
    format_score,
    markdown_table,
    score_tables,
)


@pytest.fixture
def report(synthetic, tmp_path):
    return fairmot.score(*synthetic.make_benchmark(tmp_path, "MOT17", 2), classic=True)


def test_formats():
    assert format_score("IDSW", 12) == "12"
    assert format_score("HOTA", 0.59304) == "59.30"
    assert format_score("FP_per_frame", 1.5) == "1.50"


def test_terminal_tables_hold_all_families_in_80_columns(report):
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    with console.file:
        console.print(*score_tables(report))
    text = console.export_text()
    for name in ("HOTA", "CLEAR", "Identity", "Classic", "COMBINED", "MOTA", "IDF1", "AssA", "IDSW", "IDt", "MOTP"):
        assert name in text
    assert max(map(len, text.splitlines())) <= 80
    for name in ("HOTA", "MOTA", "IDF1"):
        assert f"{100 * report['combined'][name]:.2f}" in text
    assert "…" not in text
    assert len(score_tables({**report})) == 5
    assert len(score_tables({key: report[key] for key in report if key != "classic"})) == 3


def test_markdown(report):
    lines = markdown_table(report).splitlines()
    assert len(lines) == 2 + len(report["sequences"]) + 1
    assert lines[0] == f"| sequence | {' | '.join(COLUMNS)} |"
    assert {line.count("|") for line in lines} == {len(COLUMNS) + 2}
    assert lines[-1].split(" | ")[1] == f"{100 * report['combined']['HOTA']:.2f}"
    assert "| IDt |" in markdown_table(report["classic"], ("MOTA", "IDt", "IDa"))
