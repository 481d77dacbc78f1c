"""Renders training pictures: cut-outs and drawn shapes over photographs and textures, with the masks known.

`Renderer.scene` gives an RGB picture [S, S, 3] uint8 and two label maps [S, S] uint8: the object whose pixel it is
(0: background), and the part of that object (0: none). A part's pixels belong to its object too, which is what makes one
click ambiguous. The labels of scene's objects and parts are numbered apart, from 1.
"""

import cv2
import numpy as np

from textures import blob, crop, strokes, texture

cv2.setNumThreads(1)
# The value that normalises to 0, with which SAM pads a picture that is not square (RGB).
PADDING = (124, 116, 104)


def resize(image, side):
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


class Renderer:
    """stamps, clip_art: lists of BGRA cut-outs; backgrounds: list of BGR; size: S; extents: range of objects' sizes, as shares of S."""

    def __init__(self, stamps, clip_art, backgrounds, size, extents=(0.1, 0.85)):
        self.stamps, self.clip_art, self.backgrounds = stamps, clip_art, backgrounds
        self.size, self.extents = size, extents

    def surface(self, rng, side, photo=0.65):
        """A square piece of a background or a drawn texture, BGR."""
        if rng.random() < photo:
            return crop(self.backgrounds, side, rng)
        return texture(side, rng)

    def cutout(self, rng):
        """One object as BGRA: a stamp, clip art, a blob or strokes, now and then with another surface."""
        kind = rng.random()
        if kind < 0.14:
            return np.dstack([self.surface(rng, 240), blob(240, rng)])
        if kind < 0.20:
            return np.dstack([self.surface(rng, 240, 0.3), strokes(240, rng)])
        pool = self.stamps if kind < 0.60 else self.clip_art
        image = pool[rng.integers(len(pool))]
        if rng.random() < 0.12:
            height, width = image.shape[:2]
            surface = self.surface(rng, max(height, width))[:height, :width]
            if rng.random() < 0.5:  # keep the object's own shading
                grey = cv2.cvtColor(np.ascontiguousarray(image[..., :3]), cv2.COLOR_BGR2GRAY)
                surface = np.clip(surface * (0.4 + grey[..., None] / 200.0), 0, 255).astype(np.uint8)
            image = np.dstack([surface, image[..., 3]])
        return image

    def place(self, image, rng, centre=None, extent=None, angle=None):
        """Warps a cut-out into the scene → premultiplied colour and alpha [S, S, 4], float32."""
        size = self.size
        extent = size * np.exp(rng.uniform(*np.log(self.extents))) if extent is None else extent
        height, width = image.shape[:2]
        scale = extent / max(height, width)
        if angle is None:
            angle = rng.normal(0, 25) if rng.random() < 0.7 else rng.uniform(0, 360)
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
        if rng.random() < 0.5:
            matrix = matrix @ np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1.0]])
        stretch = np.exp(rng.normal(0, 0.15))
        matrix = matrix @ np.array([[stretch, 0, 0], [0, 1 / stretch, 0], [0, 0, 1.0]])
        centre = rng.uniform(0.05 * size, 0.95 * size, 2) if centre is None else centre
        matrix[:, 2] += centre - (matrix[:, :2] @ np.array([width / 2, height / 2]) + matrix[:, 2])
        alpha = image[..., 3:].astype(np.float32) / 255
        layer = np.dstack([image[..., :3] * alpha, alpha])
        if scale < 0.7:
            layer = cv2.GaussianBlur(layer, (0, 0), 0.4 / scale)
        return cv2.warpAffine(layer, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=0)

    def shaded(self, layer, rng):
        """Changes a placed object's brightness and colour."""
        alpha = layer[..., 3:]
        colour = layer[..., :3] * rng.uniform(0.65, 1.3) + rng.normal(0, 12, 3) * alpha
        if rng.random() < 0.3:  # light from one side
            angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.8)
            ramp = np.linspace(-1, 1, self.size, dtype=np.float32)
            colour = colour * (1 + strength * (np.cos(angle) * ramp[None, :, None] + np.sin(angle) * ramp[:, None, None]))
        return colour, alpha[..., 0]

    def shadow(self, image, alpha, rng):
        offset = rng.normal(0, self.size * 0.02, 2)
        moved = cv2.warpAffine(alpha, np.float32([[1, 0, offset[0]], [0, 1, offset[1]]]), (self.size, self.size))
        soft = cv2.GaussianBlur(moved, (0, 0), rng.uniform(2, 6))
        image *= 1 - rng.uniform(0.2, 0.6) * soft[..., None]

    def add(self, image, labels, parts, layer, number, rng):
        """Draws a placed object over the scene and labels its pixels."""
        colour, alpha = self.shaded(layer, rng)
        if rng.random() < 0.25:
            self.shadow(image, alpha, rng)
        np.clip(image * (1 - alpha[..., None]) + colour, 0, 255, out=image)
        labels[alpha > 0.5] = number
        parts[alpha > 0.5] = 0

    def add_part(self, image, labels, parts, number, part, rng):
        """Puts a patch of another surface, or a small cut-out, on an object: a part of it."""
        rows, columns = np.where(labels == number)
        if len(rows) < 300:
            return
        i = rng.integers(len(rows))
        extent = np.sqrt(len(rows)) * rng.uniform(0.3, 0.9)
        patch = np.dstack([self.surface(rng, 144, 0.4), blob(144, rng)]) if rng.random() < 0.6 else self.cutout(rng)
        colour, alpha = self.shaded(self.place(patch, rng, np.array([columns[i], rows[i]], float), extent), rng)
        inside = (labels == number) & (parts == 0)
        alpha, colour = alpha * inside, colour * inside[..., None]
        image[:] = np.clip(image * (1 - alpha[..., None]) + colour, 0, 255)
        parts[alpha > 0.5] = part

    def scene(self, rng):
        size = self.size
        ground = self.surface(rng, size, 0.75)
        image = ground.astype(np.float32)
        labels, parts = np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8)
        number, part = 0, 0
        for _ in range(rng.integers(2, 8)):
            cutout, extent, copies = self.cutout(rng), None, 1
            if rng.random() < 0.10:  # camouflage: the surface of the ground itself
                height, width = cutout.shape[:2]
                other = np.roll(ground, rng.integers(20, size - 20, 2), (0, 1))
                cutout = np.dstack([cv2.resize(other, (width, height)), cutout[..., 3]])
            if rng.random() < 0.08:  # a heap of the same thing
                copies, extent = int(rng.integers(2, 5)), size * rng.uniform(0.15, 0.4)
            centre = rng.uniform(0.05 * size, 0.95 * size, 2)
            for copy in range(copies):
                where = centre if copy == 0 else centre + rng.normal(0, 0.6 * extent, 2)
                layer = self.place(cutout, rng, where, extent)
                number += 1
                self.add(image, labels, parts, layer, number, rng)
            if rng.random() < 0.2:
                part += 1
                self.add_part(image, labels, parts, number, part, rng)
        image = self.camera(image, rng)
        if rng.random() < 0.45:
            self.letterbox(image, labels, parts, rng)
        return image[..., ::-1].copy(), labels, parts

    def camera(self, image, rng):
        """Exposure, blur, noise, compression: float BGR → uint8 BGR."""
        if rng.random() < 0.4:
            image = np.clip(image * rng.uniform(0.7, 1.25) + rng.normal(0, 10), 0, 255)
        if rng.random() < 0.3:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.0))
        if rng.random() < 0.4:
            noise = rng.standard_normal(image.shape, dtype=np.float32)
            image = np.clip(image + rng.uniform(1, 8) * noise, 0, 255)
        image = image.astype(np.uint8)
        if rng.random() < 0.3:
            _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 95))])
            image = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        return image

    def letterbox(self, image, labels, parts, rng):
        """Pads at the right or at the bottom, as SAM does with what is not square."""
        keep = int(self.size * rng.uniform(0.5, 0.95))
        cut = np.s_[:, keep:] if rng.random() < 0.5 else np.s_[keep:, :]
        image[cut] = PADDING[::-1]
        labels[cut] = 0
        parts[cut] = 0
