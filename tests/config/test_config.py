import json

import pytest
from pydantic import ValidationError

from fairmot.config import (
    STRIDE,
    AugmentationConfig,
    Config,
    NetworkConfig,
    TrackerConfig,
    load_config,
    parse_config,
    shipped_configs,
)
from fairmot.errors import InputError
from fairmot.network.architectures import ARCHITECTURES, build_graph


def test_defaults_are_the_published_values():
    config = Config()
    assert config.network.input_size == (1088, 608)
    assert (config.network.architecture, config.network.embedding, config.network.head_width) == ("dla_34", 128, 256)
    assert (config.optimizer.name, config.optimizer.learning_rate, config.optimizer.drop_epochs) == (
        "adam",
        1e-4,
        (20,),
    )
    assert (config.loss.s_det, config.loss.s_id, config.loss.extents_weight) == (-1.85, -1.05, 0.1)
    assert (config.train.epochs, config.train.batch_size) == (30, 12)
    tracker = TrackerConfig()
    assert (tracker.confidence, tracker.track_buffer_frames, tracker.gate) == (0.4, 30, 9.4877)


def test_a_file_and_overrides(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("network:\n  architecture: lite\noptimizer:\n  learning_rate: 1e-3\n")
    config = load_config(path, ("train.epochs=3", "optimizer.learning_rate=5e-4", "data.sets=[a, b]"))
    assert config.network.architecture == "lite"
    assert config.optimizer.learning_rate == 5e-4
    assert config.train.epochs == 3
    assert config.data.sets == ("a", "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "optimizer:\n  learning_rat: 1\n",
            r"unknown key 'optimizer\.learning_rat' \(did you mean 'learning_rate'\?\)",
        ),
        ("optimiser:\n  learning_rate: 1\n", r"unknown key 'optimiser' \(did you mean 'optimizer'\?\)"),
        ("data:\n  augmentation:\n    flop: 1\n", r"unknown key 'data\.augmentation\.flop' \(did you mean 'flip'\?\)"),
        ("train:\n  threads: 99999999\n", r"train\.threads: .*less than or equal to 1024, got 99999999$"),
        ("train:\n  threads: " + "9" * 5000 + "\n", r"^[^\n]{,300}$"),
        ("data:\n  workers: 99999999\n", r"data\.workers: .*less than or equal to 1024, got 99999999$"),
        ("train:\n  epochs: none\n", r"train\.epochs: .*, got 'none'"),
        ("network:\n  input_width_px: 100\n", r"network\.input_width_px: .*multiple of 32"),
        (
            "data:\n  augmentation:\n    scale_min: 1.5\n",
            r"data\.augmentation: scale_min 1\.5 is larger than scale_max 1\.2$",
        ),
        ("- a\n- b\n", "expected 'key: value' lines, found a list"),
        ("a: [", "not valid YAML"),
    ],
)
def test_mistakes_are_one_line_that_names_the_place(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        load_config(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_a_missing_configuration_names_the_shipped_ones():
    with pytest.raises(InputError, match=r"did you mean 'lite'\?"):
        load_config("lyte")
    with pytest.raises(InputError, match=r"one of: .*lite"):
        load_config("absent.yaml")


@pytest.mark.parametrize("override", ["train.epochs", "=3", "train.epochs.more=3"])
def test_overrides_that_cannot_be_applied(tmp_path, override):
    path = tmp_path / "mine.yaml"
    path.write_text("train:\n  epochs: 3\n")
    with pytest.raises(InputError, match=f"^setting {override!r}: "):
        load_config(path, (override,))


@pytest.mark.parametrize("name", shipped_configs())
def test_shipped_configurations_load(name):
    assert load_config(name) == load_config(shipped_configs()[name])


def test_a_configuration_survives_json():
    config = load_config("lite")
    assert parse_config(json.loads(config.model_dump_json()), "json") == config


def test_one_scale_may_be_given_as_both_ends():
    assert AugmentationConfig(scale_min=1.2).scale_max == 1.2


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_stride_is_that_of_every_architecture(architecture):
    graph = build_graph(NetworkConfig(architecture=architecture))
    assert graph.level_strides == graph.config.level_strides
    assert graph.level_strides or graph.stride == STRIDE


def test_sections_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        TrackerConfig().confidence = 0.5


def test_sizes_left_out_are_the_architectures_published_ones(tmp_path):
    yolo = parse_config({"network": {"architecture": "yolo"}}, "x").network
    assert (yolo.embedding, yolo.head_width, yolo.input_size) == (64, 64, (1088, 608))
    lite = parse_config({"network": {"architecture": "lite", "embedding": 32}}, "x").network
    assert (lite.embedding, lite.head_width, lite.input_size) == (32, 192, (576, 320))
    path = tmp_path / "plain.yaml"
    path.write_text("network:\n  architecture: dla_34\n")
    assert load_config(path).network.head_width == 256
    assert load_config(path, ("network.architecture=yolo",)).network.head_width == 64
    assert load_config(path, ("network.architecture=yolo", "network.head_width=256")).network.head_width == 256
    assert NetworkConfig.model_validate_json(yolo.model_dump_json()) == yolo


def test_the_augmentation_of_the_last_epochs():
    data = parse_config({"data": {"augmentation": {"mosaic": 0.3, "blur": 0.1}, "finish": {"mosaic": 0}}}, "here").data
    last = data.last_augmentation()
    assert (last.mosaic, last.blur, data.augmentation.mosaic, data.finish_epochs) == (0, 0.1, 0.3, 0)
    for finish, message in (({"mosaik": 0}, "mosaik: Extra inputs"), ({"blur": 2}, "blur: Input should be less")):
        with pytest.raises(InputError, match=f"here: data: .*finish: {message}"):
            parse_config({"data": {"finish": finish}}, "here")
