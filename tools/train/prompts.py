"""What a user would give: targets from the label maps, first prompts, and corrections after a round.

Masks are bool [P, S, S]; points are (x, y) in pixels of the input, pixel centres at whole numbers; labels: 0 background,
1 foreground, 2 and 3 a box's corners, −1 padding.
"""

import cv2
import numpy as np


def targets(maps, count, rng, smallest=0.003):
    """label maps [B, 2, S, S] → masks [B·count, S, S]; a picture with fewer objects repeats them, one without gives None.

    smallest: share of the picture that an object or part must cover.
    """
    masks = []
    for labels, parts in maps:
        area = labels.size
        choice = [
            (layer, number)
            for layer in (labels, parts)
            for number, pixels in enumerate(np.bincount(layer.ravel()))
            if number > 0 and smallest * area < pixels < 0.75 * area
        ]
        if not choice:
            masks += [None] * count
            continue
        order = np.concatenate([rng.permutation(len(choice)) for _ in range(-(-count // len(choice)))])[:count]
        masks += [choice[i][0] == choice[i][1] for i in order]
    return masks


def click(mask, rng, deep=0.7):
    """A pixel of a mask, mostly away from its edge: at least a random share, up to `deep`, of the greatest distance."""
    inner = mask
    if rng.random() < 0.8:
        distance = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
        inner = distance >= max(1.0, distance.max() * rng.uniform(0.05, deep))
    pixels = np.flatnonzero(inner)
    if len(pixels) == 0:
        pixels = np.flatnonzero(mask)
    y, x = divmod(int(pixels[rng.integers(len(pixels))]), mask.shape[1])
    return x, y


def box(mask, rng, jitter=0.05):
    """The mask's bounding box, each side moved by about `jitter` of its length, at most 5 % of the picture: (x0, y0), (x1, y1)."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    sides = np.array([columns[0], rows[0], columns[-1], rows[-1]], np.float32)
    length = np.array([sides[2] - sides[0], sides[3] - sides[1]] * 2)
    most = 0.05 * mask.shape[0]
    sides += np.clip(rng.normal(0, jitter, 4) * length, -most, most)
    return sides.reshape(2, 2)


def first_prompts(masks, with_box, rng):
    """with_box [P] → points [P, 2, 2] and labels [P, 2]: one click and padding, or a box's corners."""
    points, labels = np.full((len(masks), 2, 2), -0.5, np.float32), np.empty((len(masks), 2), np.int64)
    for i, mask in enumerate(masks):
        if with_box[i]:
            points[i], labels[i] = box(mask, rng), (2, 3)
        else:
            points[i, 0], labels[i] = click(mask, rng), (1, -1)
    return points, labels


def corrections(predicted, masks, rng):
    """One click each where prediction and truth differ most: inside the larger of what is missing and what is too much.

    predicted: bool [P, S/2, S/2], masks at full size. → points [P, 1, 2], labels [P, 1].
    """
    points, labels = np.empty((len(masks), 1, 2), np.float32), np.empty((len(masks), 1), np.int64)
    for i, (guess, mask) in enumerate(zip(predicted, masks)):
        truth = mask[::2, ::2]
        missing, extra = truth & ~guess, guess & ~truth
        foreground = missing.sum() >= extra.sum()
        error = missing if foreground else extra
        if error.sum() < 2:
            error, foreground = (truth, True) if truth.any() else (~truth, False)
        x, y = click(error, rng)
        points[i, 0], labels[i, 0] = (2 * x, 2 * y), int(foreground)
    return points, labels
