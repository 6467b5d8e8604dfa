import numpy as np
import pytest

from fairmot.training.metrics import MetricsLog, read_metrics


def test_what_a_killed_run_left_of_a_line_is_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    kept = ['{"step": 1, "total": 3.0}', '{"step": 2, "total": NaN}']
    path.write_bytes(
        "\n".join([*kept, "a note}", "[1]", '{"step": 3, "total": 1.0}', '{"step": 2, "tot']).encode() + b"\xe2"
    )
    assert [line["step"] for line in read_metrics(tmp_path)] == [1, 2, 3]
    with MetricsLog(tmp_path, 2) as log:
        log.write(3, {"total": 1.5})
    assert path.read_text().splitlines() == [*kept, '{"step": 3, "total": 1.5}']
    assert not list(tmp_path.glob(".*"))


def test_tensorboard_reads_the_event_files(tmp_path):
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    for first in (0, 1):
        with MetricsLog(tmp_path, first) as log:
            log.write(first + 1, {"total": 2.5 + first})
    files = sorted((tmp_path / "tensorboard").iterdir())
    events = [list(loader.LegacyEventFileLoader(str(path)).Load()) for path in files]
    assert [event[0].file_version for event in events] == ["brain.Event:2"] * 2
    assert [(e[1].step, e[1].summary.value[0].tag, e[1].summary.value[0].simple_value) for e in events] == [
        (1, "total", 2.5),
        (2, "total", 3.5),
    ]


def test_numbers_without_a_form_in_json_are_left_out(tmp_path):
    with MetricsLog(tmp_path, 0) as log:
        log.write(1, {"total": 1.0, "gradient_norm": float("nan")})
        log.write_skipped(2, ["a.png"])
    assert read_metrics(tmp_path) == [{"step": 1, "total": 1.0}, {"step": 2, "skipped": ["a.png"]}]
    assert "NaN" not in (tmp_path / "metrics.jsonl").read_text()


def test_validations_have_a_file_of_their_own_and_their_images_are_in_tensorboard(tmp_path):
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    with MetricsLog(tmp_path, 0) as log:
        log.write_validation(3, {"AP50": 0.5}, {"01-boxes": np.zeros((4, 6, 3), np.uint8)})
        log.write_validation(6, {"AP50": 0.6}, {})
    with MetricsLog(tmp_path, 3) as log:
        assert log.validated == [{"step": 3, "AP50": 0.5}]
    assert (tmp_path / "validation.jsonl").read_text() == '{"step": 3, "AP50": 0.5}\n'
    assert read_metrics(tmp_path) == []
    first = min((tmp_path / "tensorboard").iterdir())
    values = [v for event in loader.LegacyEventFileLoader(str(first)).Load() for v in event.summary.value]
    assert [value.tag for value in values] == ["validation/AP50", "validation/01-boxes", "validation/AP50"]
    assert (values[1].image.width, values[1].image.height) == (6, 4)
