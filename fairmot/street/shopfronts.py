"""Ground floors of houses: shop windows with signs and awnings, doors, plain walls with windows, garages."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import ImageArray
from fairmot.street.colour import bgr, fractal, paint, pick

PIXELS_PER_METRE = 40

_SIGNS = (
    "CAFE BAKERY BOOKS FLOWERS PHARMACY OPTIK BISTRO MARKET SHOES BIKES TOYS BARBER WINE FOTO HOTEL TEA SALON MUSIC "
    "DELI GALLERY TAILOR PIZZA KIOSK"
)
_SIGN_COLOURS = "#2b4a3c #7d2b2b #1f3350 #2a2a2c #8a5a22 #3c5f73 #6b2f4e #d8cfb8 #b8452f #35585a"


def draw_ground_floor(
    rng: np.random.Generator, floor: ImageArray, wall: NDArray[np.float32], trim: NDArray[np.float32]
) -> None:
    """Draw the ground floor of one house into ``floor`` [h, w, 3], which already shows the bare wall."""
    kind = ("shop", "home", "garage")[int(rng.choice(3, p=(0.62, 0.28, 0.10)))]
    height, width = floor.shape[:2]
    plinth = paint(wall, 0.62)
    cv2.rectangle(floor, (0, height - 22), (width, height), plinth, -1)
    cv2.line(floor, (0, height - 22), (width, height - 22), paint(wall, 0.85), 1)
    if kind == "shop":
        _shop(rng, floor)
    elif kind == "garage" and width > 170:
        _door(rng, floor, 24, 42, trim)
        _garage(rng, floor, 90, min(110, width - 110))
    else:
        _home(rng, floor, trim)
    # Little sky reaches the foot of a wall.
    foot = floor[height - 14 :]
    foot[...] = (foot * np.linspace(1, 0.72, len(foot))[:, None, None]).astype(np.uint8)


def _shop(rng: np.random.Generator, floor: ImageArray) -> None:
    height, width = floor.shape[:2]
    colour = bgr(pick(rng, _SIGN_COLOURS))
    band = int(0.62 * PIXELS_PER_METRE)
    top = 12
    cv2.rectangle(floor, (4, top), (width - 5, height), paint(colour, 0.9), -1)
    cv2.rectangle(floor, (4, top), (width - 5, top + band), paint(colour, 1.06), -1)
    cv2.rectangle(floor, (4, top), (width - 5, top + band), paint(colour, 0.6), 1)
    _sign(rng, floor, top, band, colour)
    door_at = int(rng.choice([10, width // 2 - 22, width - 58]))
    x = 12
    while x < width - 40:
        if x <= door_at < x + 30 or (door_at <= x < door_at + 48):
            _glass_door(rng, floor, x, top + band + 6, 44, colour)
            x += 50
            continue
        end = min(x + int(rng.uniform(50, 110)), width - 12)
        if x < door_at < end:
            end = door_at
        if end - x > 12:
            _display(rng, floor[top + band + 8 : height - 18, x:end], colour)
        x = end + 6
    if rng.random() < 0.45:
        _awning(rng, floor, top + band - 2, colour)


def _sign(rng: np.random.Generator, floor: ImageArray, top: int, band: int, colour: NDArray[np.float32]) -> None:
    words = pick(rng, _SIGNS)
    letters = bgr("#f1ead6") if colour.mean() < 120 else bgr("#33302c")
    face = int(rng.choice([cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX]))
    (wide, tall), _ = cv2.getTextSize(words, face, 0.62, 1)
    if wide < floor.shape[1] - 24:
        x = (floor.shape[1] - wide) // 2
        cv2.putText(floor, words, (x, top + (band + tall) // 2), face, 0.62, paint(letters), 1, cv2.LINE_AA)


def _display(rng: np.random.Generator, glass: ImageArray, colour: NDArray[np.float32]) -> None:
    """A shop window: a dim room, goods in warm light, and the street's reflection in the glass."""
    height, width = glass.shape[:2]
    if height < 8 or width < 8:
        return
    room = np.linspace(58, 26, height, dtype=np.float32)[:, None, None] * np.array([0.86, 0.96, 1.08])
    scene = np.broadcast_to(room, (height, width, 3)).astype(np.float32).copy()
    for _ in range(int(width / 5)):
        x, y = int(rng.integers(width)), int(height - abs(rng.normal(0, height * 0.28)))
        goods = bgr(pick(rng, "#c9a36a #a8443c #6c8a5a #d8d0bc #4f6f92 #8a6a50 #c27a94 #3f4a4f"))
        size = rng.integers(3, (12, 16))
        corner = (int(x + size[0]), int(y + size[1]))
        cv2.rectangle(scene, (x, y), corner, (goods * rng.uniform(0.35, 0.8)).tolist(), -1)
    for x in range(10, width, 34):
        cv2.circle(scene, (x, 6), 3, (170.0, 215.0, 240.0), -1, cv2.LINE_AA)
    mirrored = np.clip(0.22 + 0.16 * fractal(rng, height, width, 60, 3), 0.05, 0.6)[..., None]
    scene = scene * (1 - 0.5 * mirrored) + np.array([176, 160, 148]) * 0.5 * mirrored
    scene[:6] *= np.linspace(0.5, 1, 6)[:, None, None]
    glass[...] = np.clip(scene, 0, 255).astype(np.uint8)
    cv2.rectangle(glass, (0, 0), (width - 1, height - 1), paint(colour, 0.55), 2)


def _glass_door(
    rng: np.random.Generator, floor: ImageArray, x: int, top: int, wide: int, colour: NDArray[np.float32]
) -> None:
    height = floor.shape[0]
    cv2.rectangle(floor, (x, top), (x + wide, height - 3), paint(colour, 0.7), -1)
    _display(rng, floor[top + 22 : height - 12, x + 5 : x + wide - 4], colour)
    cv2.rectangle(floor, (x + 5, top + 3), (x + wide - 5, top + 17), (70, 62, 54), -1)
    cv2.line(floor, (x + wide - 9, height - 52), (x + wide - 9, height - 34), (190, 200, 205), 2)
    cv2.rectangle(floor, (x - 2, height - 4), (x + wide + 2, height), (120, 124, 128), -1)


def _awning(rng: np.random.Generator, floor: ImageArray, y: int, colour: NDArray[np.float32]) -> None:
    width = floor.shape[1]
    second = bgr("#efe9da") if rng.random() < 0.6 else colour
    drop = int(rng.uniform(0.6, 1.0) * PIXELS_PER_METRE)
    first = colour if colour.mean() > 70 else colour * 1.35
    shade = np.linspace(1.06, 0.86, drop)
    for index, x in enumerate(range(6, width - 8, 14)):
        stripe = first if index % 2 else second
        end = min(x + 14, width - 7)
        region = floor[y : y + drop, x:end]
        region[...] = np.clip(stripe * shade[: len(region), None, None], 0, 255).astype(np.uint8)
        cv2.ellipse(floor, ((x + end) // 2, y + drop), ((end - x) // 2, 5), 0, 0, 180, paint(stripe, 0.84), -1)
    below = floor[y + drop + 5 : y + drop + 40, 6 : width - 8]
    below[...] = (below * np.linspace(0.45, 1, len(below))[:, None, None]).astype(np.uint8)


def _door(rng: np.random.Generator, floor: ImageArray, x: int, wide: int, trim: NDArray[np.float32]) -> None:
    height = floor.shape[0]
    top = height - int(2.35 * PIXELS_PER_METRE)
    wood = bgr(pick(rng, "#5a3a28 #3d5345 #2f3f5a #6a2e2a #4a4a4c #7a5a3c"))
    cv2.rectangle(floor, (x - 6, top - 6), (x + wide + 6, height), paint(trim), -1)
    cv2.rectangle(floor, (x, top), (x + wide, height - 4), paint(wood), -1)
    floor[top : top + 6, x : x + wide] = (floor[top : top + 6, x : x + wide] * 0.55).astype(np.uint8)
    for low, high in ((0.08, 0.42), (0.5, 0.9)):
        first = (x + 6, int(top + (height - top) * low))
        second = (x + wide - 6, int(top + (height - top) * high))
        cv2.rectangle(floor, first, second, paint(wood, 0.72), 1)
        cv2.rectangle(floor, (first[0] + 1, first[1] + 1), (second[0] + 1, second[1] + 1), paint(wood, 1.25), 1)
    cv2.circle(floor, (x + wide - 6, (top + height) // 2 + 6), 2, (120, 190, 210), -1)
    cv2.rectangle(floor, (x - 10, height - 6), (x + wide + 10, height), (138, 142, 146), -1)


def _garage(rng: np.random.Generator, floor: ImageArray, x: int, wide: int) -> None:
    height = floor.shape[0]
    top = height - int(2.4 * PIXELS_PER_METRE)
    colour = bgr(pick(rng, "#8a8d90 #6f7d70 #b5b2aa #5a6470"))
    cv2.rectangle(floor, (x, top), (x + wide, height), paint(colour), -1)
    for y in range(top, height, 9):
        cv2.line(floor, (x, y), (x + wide, y), paint(colour, 0.75), 1)
        cv2.line(floor, (x, y + 1), (x + wide, y + 1), paint(colour, 1.12), 1)
    floor[top : top + 8, x : x + wide] = (floor[top : top + 8, x : x + wide] * 0.5).astype(np.uint8)


def _home(rng: np.random.Generator, floor: ImageArray, trim: NDArray[np.float32]) -> None:
    width = floor.shape[1]
    door_at = int(rng.integers(20, max(21, width - 70)))
    _door(rng, floor, door_at, 42, trim)
    for x in range(24, width - 60, 92):
        if abs(x - door_at) > 68:
            cv2.rectangle(floor, (x - 4, 46), (x + 52, 128), paint(trim), -1)
            _display(rng, floor[50:120, x : x + 48], bgr("#d8d2c6"))
            cv2.line(floor, (x + 24, 50), (x + 24, 120), paint(trim), 2)
            cv2.rectangle(floor, (x - 7, 122), (x + 55, 127), paint(trim, 1.05), -1)
