export { Sam } from "./client/sam.js";
export { SamError } from "./errors.js";
export { cutout, toBlob, toImageData } from "./mask/draw.js";
export type { ColourOptions, CutoutOptions, FileOptions } from "./mask/draw.js";
export { toPolygons, toSvgPath } from "./mask/outline.js";
export type { Polygon } from "./mask/outline.js";
export { toCocoRle, toRle } from "./mask/rle.js";

export type {
  Assets,
  BinaryMask,
  BitmapMask,
  Box,
  CheckpointLayout,
  CocoRle,
  Device,
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
  ModelSource,
  Output,
  OutputMode,
  Point,
  Precision,
  Preset,
  Progress,
  Prompt,
  Rle,
  SamErrorCode,
  SamErrorLike,
  SamImage,
  SamInfo,
  SegmentationFor,
  SegmentOptions,
  Size,
} from "./types.js";
