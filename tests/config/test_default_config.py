"""default_config.yaml against the schema, and the shipped configurations against what is published."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from fairmot.config import Config, load_config, shipped_configs
from fairmot.network.architectures import build_graph

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "default_config.yaml"
RECIPES = (
    "mix_dla34",
    "crowdhuman_dla34",
    "crowdhuman_mix_dla34",
    "mot17_half",
    "mot20_finetune",
    "hrnet",
    "yolov5s",
    "lite",
    "custom",
)


def fields(section=Config, prefix=""):
    """Dotted names of all settings, with their descriptions."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.description


def names_in(values, prefix=""):
    """Dotted names of what a YAML file sets; a free dictionary is one setting."""
    known = dict(fields())
    for name, value in values.items():
        if f"{prefix}{name}" not in known and isinstance(value, dict):
            yield from names_in(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def uncommented(text):
    """Descriptions of the schema that do not stand, word for word, in the file's comments."""
    said = " ".join(" ".join(re.findall(r"# (.*)", text)).split())
    return [name for name, description in fields() if not description or " ".join(description.split()) not in said]


def test_it_holds_every_setting_with_its_default():
    assert list(names_in(yaml.safe_load(FILE.read_text()))) == [name for name, _ in fields()]
    assert load_config(FILE) == Config()


def test_every_setting_is_explained():
    text = FILE.read_text()
    assert uncommented(text) == []
    assert uncommented(text.replace("Heatmap channels", "Channels")) == ["network.classes"]


def test_it_is_the_published_run_on_mix():
    config = load_config(FILE)
    assert (config.network.architecture, config.network.input_size) == ("dla_34", (1088, 608))
    assert (config.train.epochs, config.optimizer.drop_epochs, config.train.batch_size) == (30, (20,), 12)
    assert (config.optimizer.name, config.optimizer.learning_rate) == ("adam", 1e-4)
    assert (config.data.description, config.data.max_objects) == (Path("data/data.json"), 500)


def test_these_recipes_are_shipped():
    assert set(RECIPES) <= shipped_configs().keys()


@pytest.mark.parametrize("name", RECIPES)
def test_each_names_a_network_that_can_be_built_and_says_where_its_numbers_come_from(name):
    config = load_config(name)
    assert build_graph(config.network).parameters()
    assert shipped_configs()[name].read_text().startswith("# ")
    assert config.train.output != Config().train.output


def test_published_numbers():
    crowd, mot20, half = (load_config(name) for name in ("crowdhuman_dla34", "mot20_finetune", "mot17_half"))
    assert (crowd.train.epochs, crowd.optimizer.drop_epochs, crowd.data.unique_identities) == (60, (50,), True)
    assert (mot20.train.epochs, mot20.optimizer.drop_epochs, mot20.data.clip_boxes) == (20, (15,), True)
    assert mot20.tracker.confidence == 0.3
    assert (half.data.sets, half.data.validation_half) == (("mot17.half",), True)
    after = load_config("crowdhuman_mix_dla34")
    assert after.train.start_weights == crowd.train.output / "weights.safetensors"
    assert mot20.train.start_weights == load_config("mix_dla34").train.output / "weights.safetensors"
    yolo = load_config("yolov5s").network
    assert (yolo.embedding, yolo.head_width) == (64, 64)


@pytest.mark.parametrize(("name", "batch_size"), [("ascend", 4), ("two_gpus", 6)])
def test_the_published_batches_are_configurations(name, batch_size):
    config = load_config(ROOT / f"default_config_{name}.yaml")
    assert config.train.batch_size == batch_size
    assert config != Config()
    changed = config.train.model_copy(update={"batch_size": Config().train.batch_size})
    assert config.model_copy(update={"train": changed}) == Config()
