import pytest

import fairmot
from fairmot.errors import InputError
from fairmot.evaluation.differences import differences
from fairmot.evaluation.tables import difference_tables, format_score, markdown_table


@pytest.fixture
def reports(synthetic, tmp_path):
    """The same sequences with two results."""
    first = synthetic.make_benchmark(tmp_path / "1", "MOT17", 1)
    worse = tmp_path / "worse"
    worse.mkdir()
    for path in first[1].glob("*.txt"):
        lines = path.read_text().splitlines(keepends=True)
        (worse / path.name).write_text("".join(lines[::2]))
    return fairmot.score(*first), fairmot.score(first[0], worse)


def test_second_minus_first(reports):
    first, second = reports
    changes = differences(first, second)
    assert changes["combined"]["MOTA"] == second["combined"]["MOTA"] - first["combined"]["MOTA"] < 0
    assert changes["combined"]["CLR_FN"] == second["combined"]["CLR_FN"] - first["combined"]["CLR_FN"] > 0
    name = "MOT17-01-street"
    expected = [b - a for a, b in zip(*(r["sequences"][name]["HOTA_alpha"] for r in reports), strict=True)]
    assert changes["sequences"][name]["HOTA_alpha"] == expected
    same = differences(first, first)
    assert set(same["combined"]["HOTA_alpha"]) == {0.0}
    assert same["combined"]["IDF1"] == 0


def test_signs_are_printed(reports):
    changes = differences(*reports)
    assert format_score("IDSW", 3, signed=True) == "+3"
    assert format_score("MOTA", -0.0123, signed=True) == "-1.23"
    text = markdown_table(changes, signed=True)
    assert f"+{changes['combined']['CLR_FN']}" in text.splitlines()[-1]
    tables = difference_tables(changes)
    assert [table.row_count for table in tables] == [len(changes["sequences"]) + 1] * 3


def test_reports_that_do_not_belong_together(reports):
    first, second = reports
    with pytest.raises(InputError, match="benchmark MOT17 and MOT20"):
        differences(first, {**second, "benchmark": "MOT20"})
    with pytest.raises(InputError, match="half_val None and True"):
        differences(first, {**second, "half_val": True})
    fewer = {name: scores for name, scores in second["sequences"].items() if "crowd" not in name}
    with pytest.raises(InputError, match="only one of them has MOT17-02-crowd"):
        differences(first, {**second, "sequences": fewer})
