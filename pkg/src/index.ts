export { Sam } from "./client/sam.js";
export { SamError } from "./errors.js";
export { toCocoJson } from "./mask/coco.js";
export type { CocoAnnotation, CocoDataset, CocoOptions, NamedMask } from "./mask/coco.js";
export { intersect, subtract, union } from "./mask/combine.js";
export { cutout, toBlob, toImageData } from "./mask/draw.js";
export type { ColourOptions, CutoutOptions, FileOptions } from "./mask/draw.js";
export { area, boundingBox, stability } from "./mask/measure.js";
export type { StabilityOptions } from "./mask/measure.js";
export { toPolygons, toSvgPath } from "./mask/outline.js";
export type { OutlineOptions, Polygon, Ring } from "./mask/outline.js";
export { removeSmallRegions } from "./mask/regions.js";
export { fromCocoRle, fromRle, toCocoRle, toRle } from "./mask/rle.js";
export { presets } from "./presets.js";

export type {
  Assets,
  BinaryMask,
  BitmapMask,
  Box,
  CachedModel,
  CheckpointLayout,
  CocoRle,
  Device,
  ElementSource,
  EmbeddingTensor,
  EncodeOptions,
  EncodeProgress,
  EverythingCandidate,
  EverythingOptions,
  EverythingProgress,
  EverythingRecord,
  ImageSource,
  LoadOptions,
  LoadProgress,
  Logits,
  LogitsMask,
  Mask,
  MaskFor,
  Masks,
  ModelSource,
  Output,
  OutputMode,
  Point,
  Precision,
  Preset,
  PresetInfo,
  Progress,
  Prompt,
  Rle,
  SamErrorCode,
  SamErrorLike,
  SamImage,
  SamInfo,
  SaveModelOptions,
  SaveProgress,
  SegmentationFor,
  SegmentOptions,
  Size,
} from "./types.js";
