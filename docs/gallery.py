"""Makes the images of docs/gallery.md, of rendered streets alone: ``python docs/gallery.py``.

``python docs/gallery.py --folder FOLDER --frames 12 --size 320 192`` makes small ones elsewhere, to try the command.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

import fairmot
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.places import Line, Zone
from fairmot.street import write_street

IMAGES = Path(__file__).resolve().parent / "images"
SEED, PEOPLE = 11, 14

_DOOR = Line("door", (0.5, 0.3), (0.55, 1.0))
_CROSSING = Zone("crossing", ((0.08, 0.62), (0.42, 0.62), (0.36, 0.95), (0.02, 0.95)))
SHOWN = {
    "tracks": Outputs(video=False, images=True),
    "counts": Outputs(video=False, images=True, lines=(_DOOR,), zones=(_CROSSING,)),
    "heatmap": Outputs(video=False, images=True, heatmap=True),
    "blur": Outputs(video=False, images=True, blur=True),
}
"""Name of the image -> what is drawn: the outputs of ``fairmot track``."""


def make(folder: Path, frames: int, size: tuple[int, int]) -> list[Path]:
    """Render a street, track it with each kind of output, and write the last drawn frame of each to ``folder``."""
    made = []
    with TemporaryDirectory() as work:
        street = write_street(Path(work), "street", PEOPLE, frames, SEED, size, frame_rate=12)
        detector = fairmot.load_detector(engine="onnxruntime")
        for name, outputs in SHOWN.items():
            fairmot.track(street, detector, output=Path(work) / name, outputs=outputs)
            image = cv2.imread(str(Path(work) / name / "street" / f"{frames:06}.jpg"))
            path = folder / f"gallery-{name}.jpg"
            cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 88])
            made.append(path)
    return made


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, default=IMAGES, help="Folder for the images.")
    parser.add_argument("--frames", type=int, default=40, help="Frames of the street.")
    parser.add_argument("--size", type=int, nargs=2, default=(960, 540), help="Width and height of the street.")
    options = parser.parse_args()
    for path in make(options.folder, options.frames, tuple(options.size)):
        print(path)  # noqa: T201


if __name__ == "__main__":
    main()
