"""Drawn surfaces and shapes for the composites. Everything is square, side S in pixels, uint8."""

import cv2
import numpy as np


def colour(rng):
    return tuple(int(c) for c in rng.integers(0, 256, 3))


def gradient(side, rng):
    first, second = rng.integers(0, 256, 3), rng.integers(0, 256, 3)
    ramp = np.linspace(0, 1, side)[:, None, None]
    image = (first * (1 - ramp) + second * ramp).repeat(side, 1)
    return (image if rng.random() < 0.5 else image.transpose(1, 0, 2)).astype(np.uint8)


def clouds(side, rng):
    cells = int(2 ** rng.integers(2, 7))
    return cv2.resize(rng.integers(0, 256, (cells, cells, 3)).astype(np.uint8), (side, side), interpolation=cv2.INTER_CUBIC)


def grain(side, rng):
    base, spread = rng.integers(0, 256, 3), rng.uniform(2, 25)
    return np.clip(base + rng.normal(0, spread, (side, side, 3)), 0, 255).astype(np.uint8)


def lines(side, rng):
    image = np.full((side, side, 3), colour(rng), np.uint8)
    for _ in range(rng.integers(3, 15)):
        ends = rng.integers(0, side, (2, 2)).tolist()
        cv2.line(image, ends[0], ends[1], colour(rng), int(rng.integers(1, 20)))
    return image


def stripes(side, rng):
    """Stripes or a checkerboard between two near or far colours, at any angle."""
    angle, period = rng.uniform(0, np.pi), rng.uniform(4, 40)
    y, x = np.mgrid[:side, :side]
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
    if rng.random() < 0.4:
        wave = wave * np.sin((y * np.cos(angle) - x * np.sin(angle)) * 2 * np.pi / period)
    blend = np.clip(0.5 + wave * rng.uniform(0.5, 4), 0, 1)[..., None]
    first = rng.integers(0, 256, 3)
    second = np.clip(first + rng.normal(0, 60, 3), 0, 255)
    return (first * (1 - blend) + second * blend).astype(np.uint8)


def fractal(side, rng):
    """Noise of several scales, as on stone, cloth or foliage."""
    image, weight = np.zeros((side, side, 3), np.float32), 1.0
    decay = rng.uniform(0.5, 0.95)
    for cells in (3, 6, 12, 24, 48, 96):
        layer = rng.standard_normal((cells, cells, 1 if rng.random() < 0.7 else 3)).astype(np.float32)
        layer = cv2.resize(layer, (side, side), interpolation=cv2.INTER_CUBIC).reshape(side, side, -1)
        image += weight * layer
        weight *= decay
    return np.clip(rng.integers(30, 226, 3) + image * rng.uniform(8, 35), 0, 255).astype(np.uint8)


KINDS = (gradient, clouds, grain, lines, stripes, fractal)


def texture(side, rng):
    """One of the drawn surfaces, BGR."""
    return KINDS[rng.integers(len(KINDS))](side, rng)


def crop(images, side, rng):
    """A random square of a random background, mirrored half the time."""
    image = images[rng.integers(len(images))]
    shortest = min(image.shape[:2])
    extent = int(shortest * rng.uniform(0.25, 1))
    y, x = (int(rng.integers(0, n - extent + 1)) for n in image.shape[:2])
    piece = cv2.resize(image[y : y + extent, x : x + extent], (side, side), interpolation=cv2.INTER_AREA)
    return piece[:, ::-1].copy() if rng.random() < 0.5 else piece


def blob(side, rng):
    """The mask of a star-shaped polygon, its corners rounded half the time."""
    count = int(rng.integers(3, 12))
    angles, radii = np.sort(rng.uniform(0, 2 * np.pi, count)), rng.uniform(0.4, 1, count)
    if rng.random() < 0.5:
        fine = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        around = np.r_[angles - 2 * np.pi, angles, angles + 2 * np.pi]
        radii = np.interp(fine, around, np.r_[radii, radii, radii])
        radii = np.convolve(np.r_[radii[-4:], radii, radii[:4]], np.ones(9) / 9, "valid")
        angles = fine
    corners = np.stack([np.cos(angles) * radii, np.sin(angles) * radii], 1)
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [((corners * 0.48 + 0.5) * side).astype(np.int32)], 255, cv2.LINE_AA)
    return mask


def strokes(side, rng):
    """The mask of something thin: a bent line, a ring or a lattice."""
    mask, width = np.zeros((side, side), np.uint8), int(rng.integers(3, 14))
    kind = rng.integers(3)
    if kind == 0:
        corners = np.cumsum(rng.normal(0, 1, (int(rng.integers(2, 6)), 2)), 0)
        corners = (corners - corners.min(0)) / max(np.ptp(corners, axis=0).max(), 1e-3)
        cv2.polylines(mask, [(10 + corners * (side - 20)).astype(np.int32)], False, 255, width, cv2.LINE_AA)
    elif kind == 1:
        axes = (rng.uniform(0.25, 0.45, 2) * side).astype(int).tolist()
        cv2.ellipse(mask, (side // 2, side // 2), axes, 0, 0, 360, 255, width, cv2.LINE_AA)
    else:
        step = int(rng.integers(30, 60))
        for at in range(10, side - 10, step):
            cv2.line(mask, (at, 10), (at, side - 10), 255, width, cv2.LINE_AA)
            cv2.line(mask, (10, at), (side - 10, at), 255, width, cv2.LINE_AA)
    return mask
