"""CityPersons: boxes for the images of Cityscapes, as JSON files or as the authors' ``.mat`` lists."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fairmot.data.converters.categories import choose_categories
from fairmot.data.converters.ledger import Ledger
from fairmot.data.converters.matlab import as_list, field, read_mat
from fairmot.data.converters.output import ConversionSummary, LabelledImage, label_rows, write_set
from fairmot.data.image_files import image_size
from fairmot.data.targets import IGNORE_CLASS
from fairmot.errors import InputError
from fairmot.formats.text import read_text

# In the order of the class numbers in the .mat lists. The first two have boxes around the whole body.
_LABELS = ("ignore", "pedestrian", "rider", "sitting person", "person (other)", "person group")
_CLASSES = {label: number for number, label in enumerate(_LABELS)}
_PEOPLE = ("pedestrian", "rider")


def convert_citypersons(
    src: Path,
    out: Path,
    name: str | None = None,
    *,
    split: str = "train",
    empty: bool = False,
    categories: Sequence[str] | None = None,
) -> ConversionSummary:
    """Convert the full boxes of pedestrians and riders; they have no identities.

    Sitting people, unusual postures, groups and ignored objects have boxes around their visible parts only: they become
    ignore regions. Format: https://github.com/cvgroup-njust/CityPersons (annotations/README.txt).

    Args:
        src: folder with ``leftImg8bit/<split>/<city>`` and either ``gtBboxCityPersons/<split>/<city>/*.json`` or
            ``anno_<split>.mat`` (perhaps in ``annotations``).
        out: folder that gets the converted set.
        name: name of the set; default: citypersons with the split.
        split: train or val.
        empty: keep images without a pedestrian or rider.
        categories: labels to keep, all as class 0; default: pedestrian and rider; ``all`` keeps every one but
            ``ignore``. All others become ignore regions.

    Raises:
        InputError: an unknown label; a folder, an image or an annotation is missing or not in this format.
    """
    class_of = choose_categories(_LABELS[1:], _PEOPLE if categories is None else categories, src)
    classes = np.array([class_of.get(label, IGNORE_CLASS) for label in _LABELS], dtype=np.int64)
    none = f"without a {' or '.join(class_of)}"
    folder = src / "leftImg8bit" / split
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; the images of Cityscapes are expected there")
    lists = [path for path in (src / f"annotations/anno_{split}.mat", src / f"anno_{split}.mat") if path.is_file()]
    boxes = src / "gtBboxCityPersons" / split
    if not lists and not boxes.is_dir():
        raise InputError(f"{src}: neither gtBboxCityPersons/{split} nor anno_{split}.mat in it")
    images: list[LabelledImage] = []
    ledger = Ledger()
    for relative, rows in _read_lists(lists[0], split) if lists else _read_json(boxes):
        class_ids = classes[rows[:, 0].astype(np.int64)]
        ledger.images += 1
        ledger.boxes += len(rows)
        if not ((class_ids != IGNORE_CLASS).any() or empty):
            ledger.images_left_out[f"{none} (kept with --empty)"] += 1
            ledger.boxes_left_out[f"of images {none}"] += len(rows)
            continue
        image = folder / relative
        if not image.is_file():
            raise InputError(f"{image}: no such image, though it is annotated")
        corners = np.concatenate([rows[:, 1:3], rows[:, 1:3] + rows[:, 3:5]], axis=1)
        labels = label_rows(corners, image_size(image), class_ids)
        images.append(LabelledImage(image, relative, labels))
    return write_set(out, name or f"citypersons.{split}", images, ledger)


def _read_lists(path: Path, split: str) -> Iterator[tuple[PurePosixPath, NDArray[np.float64]]]:
    """Yield each image's place and its rows [n, 5]: class, left, top, width, height."""
    for cell in as_list(field(read_mat(path), f"anno_{split}_aligned", path)):
        # The field is called city_name in the description and cityname in the files.
        city = getattr(cell, "cityname", None) or field(cell, "city_name", path)
        rows = np.asarray(field(cell, "bbs", path), dtype=np.float64)
        if rows.size % 10:
            raise InputError(f"{path}: a box of {cell.im_name} does not have 10 numbers")
        yield PurePosixPath(str(city), str(field(cell, "im_name", path))), rows.reshape(-1, 10)[:, :5]


def _read_json(folder: Path) -> Iterator[tuple[PurePosixPath, NDArray[np.float64]]]:
    """Yield each image's place and its rows [n, 5]: class, left, top, width, height."""
    suffix = "_gtBboxCityPersons.json"
    files = sorted(folder.glob(f"*/*{suffix}"))
    if not files:
        raise InputError(f"{folder}: no files <city>/*{suffix} in it")
    for file in files:
        try:
            objects = json.loads(read_text(file))["objects"]
            rows = np.array([[_CLASSES[each["label"]], *each["bbox"]] for each in objects], dtype=np.float64)
            rows = rows.reshape(-1, 5)
        except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise InputError(f"{file}: not an annotation as in CityPersons: {error}") from error
        yield PurePosixPath(file.parent.name, file.name.replace(suffix, "_leftImg8bit.png")), rows
