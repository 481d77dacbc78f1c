"""Cut-outs and backgrounds from the unpacked packages, split into a training and a held-out part.

A cut-out is BGRA uint8, cropped to its alpha, longest side at most 384. A background is BGR uint8, shortest side at most
640. The split is by file and fixed: what is held out is never rendered into a training picture.
"""

import pathlib
import random

import cv2
import numpy as np

CUTOUT_SIDE = 384
BACKGROUND_SIDE = 640
# Backgrounds that are held out: by the path's end.
HELD_OUT_BACKGROUNDS = (
    "abstract/Arc-Colors-Transparent-Wallpaper.png",
    "abstract/Elephants.jpg",
    "abstract/Elephants_3840x2160.jpg",
    "abstract/Elephants_5640x3172.jpg",
    "abstract/Flow.png",
    "abstract/Gulp.png",
)
# Of lomiri-wallpapers, only what is CC0 or CC-BY.
LOMIRI = ("aitzgorri", "friends", "life_by", "picosdeeuropa", "Picture_0B", "Picture_1A", "seeding", "sunset", "umang", "Wine")


def read_cutout(path, side=CUTOUT_SIDE):
    """The cut-out at path, its longest side at most `side`; None where the picture is not one clear object on a transparent ground."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4 or image.dtype != np.uint8:
        return None
    rows, columns = np.where(image[..., 3] > 127)
    if len(rows) < 200:
        return None
    image = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    height, width = image.shape[:2]
    fill = (image[..., 3] > 127).mean()
    if min(height, width) < 24 or fill > 0.97 or fill < 0.08:
        return None
    scale = side / max(height, width)
    if scale < 1:
        size = (max(8, int(width * scale)), max(8, int(height * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    count, _, stats, _ = cv2.connectedComponentsWithStats((image[..., 3] > 127).astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    if count < 2 or areas.max() < 0.8 * areas.sum():
        return None
    return image


def cutouts(data, held_out, clip_limit=None):
    """Two lists, stamps (mostly photographs) and clip art: the first 80 files of each, shuffled, are held out."""
    data, shuffle, lists = pathlib.Path(data), random.Random(0), []
    for package in ("tuxpaint-stamps-default", "openclipart-png"):
        files = sorted(str(path) for path in (data / package).rglob("*.png"))
        shuffle.shuffle(files)
        files = files[:80] if held_out else files[80:]
        found = (read_cutout(path) for path in files[:clip_limit])
        lists.append([image for image in found if image is not None])
    return lists


def backgrounds(data, held_out):
    """One resolution of each background, shrunk."""
    folders = {}
    for path in sorted(pathlib.Path(data).rglob("*")):
        name = str(path)
        if path.suffix not in (".jpg", ".jpeg", ".png", ".webp") or "openclipart" in name or "tuxpaint" in name:
            continue
        if "lomiri" in name and not any(part in path.name for part in LOMIRI):
            continue
        one = path.parent if "/wallpapers/" in name and "lomiri" not in name else path
        folders.setdefault(one, []).append(path)
    images = []
    for paths in folders.values():
        path = min(paths, key=lambda p: abs(p.stat().st_size - 600_000))
        if str(path).endswith(HELD_OUT_BACKGROUNDS) != held_out:
            continue
        image = cv2.imread(str(path))
        if image is None or min(image.shape[:2]) < 128:
            continue
        scale = BACKGROUND_SIDE / min(image.shape[:2])
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        images.append(image)
    return images
