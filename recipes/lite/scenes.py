"""Rendered streets on which the tracker of ``lite`` is chosen: still, panning and jerking cameras, 5 to 30 frames/s.

    python recipes/lite/scenes.py WORK

WORK gets twelve sequences in MOTChallenge layout, of 16 people on the average. A moving camera is a window of 768 x 432
pixels in a street of 960 x 540: one sweeps there and back, one leaps by up to 24 pixels a frame. A person counts while
at least 0.4 of the box is inside the window, with the box that the camera's whole view has. A folder that is there
already stays.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from fairmot.formats.ground_truth import ground_truth_file
from fairmot.formats.seqinfo import image_folder, load_info, write_info
from fairmot.street import write_street

SCENES = (  # seed, people, frames/s, frames, camera
    (21, 14, 25, 60, "still"),
    (22, 20, 10, 50, "still"),
    (23, 12, 5, 40, "still"),
    (24, 24, 30, 60, "still"),
    (25, 14, 25, 60, "sweep"),
    (26, 18, 10, 50, "sweep"),
    (27, 12, 15, 50, "sweep"),
    (28, 16, 30, 60, "sweep"),
    (29, 14, 25, 60, "jerk"),
    (30, 20, 10, 50, "jerk"),
    (31, 12, 15, 50, "jerk"),
    (32, 16, 5, 40, "jerk"),
)
WINDOW = np.array([768, 432])
LEAST_INSIDE = 0.4
LEAP_PX = 24


def offsets(camera, frames, room, rng):
    """Return the window's corner in each frame [frames, 2], pixels."""
    if camera == "sweep":
        phase = 2 * np.pi * (np.arange(frames) / frames + rng.random())
        return (room * (0.5 + 0.5 * np.stack([np.sin(phase), np.cos(0.7 * phase)], 1))).astype(int)
    leaps = rng.integers(-LEAP_PX, LEAP_PX + 1, (frames, 2))
    return np.clip(room // 2 + leaps, 0, room)


def through_window(folder, corners):
    """Cut every image of a sequence to the window, and move and drop the boxes of its truth."""
    info, truth = load_info(folder), ground_truth_file(folder)
    for file, (x, y) in zip(sorted(image_folder(folder).iterdir()), corners, strict=True):
        image = cv2.imread(str(file))
        cv2.imwrite(str(file), image[y : y + WINDOW[1], x : x + WINDOW[0]], [cv2.IMWRITE_JPEG_QUALITY, 95])
    rows = np.loadtxt(truth, delimiter=",", ndmin=2)
    rows[:, 2:4] -= corners[rows[:, 0].astype(int) - 1]
    low, high = np.maximum(rows[:, 2:4], 0), np.minimum(rows[:, 2:4] + rows[:, 4:6], WINDOW)
    inside = np.clip(high - low, 0, None).prod(1) / rows[:, 4:6].prod(1)
    np.savetxt(truth, rows[inside >= LEAST_INSIDE], "%d,%d,%.2f,%.2f,%.2f,%.2f,%d,%d,%.4f")
    width, height = map(int, WINDOW)
    write_info(folder, replace(info, image_size=(width, height)), "rendered by fairmot")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    for seed, people, rate, frames, camera in SCENES:
        target = work / f"street-{seed}-{camera}-{rate}"
        if target.exists():
            continue
        with tempfile.TemporaryDirectory(dir=work) as part:
            made = write_street(Path(part), target.name, people, frames, seed, frame_rate=rate)
            if camera != "still":
                info = load_info(made)
                room = np.array(info.image_size) - WINDOW
                through_window(made, offsets(camera, frames, room, np.random.default_rng(seed)))
            made.rename(target)
        print(target, flush=True)


if __name__ == "__main__":
    main()
