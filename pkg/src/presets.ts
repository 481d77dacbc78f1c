// Where the released checkpoints are. Hugging Face lets pages of any origin read its files, and resume a download.
// The hashes are those of the files that Meta and the authors of MobileSAM published, which the addresses below mirror.
// Of SlimSAM's file no published hash is known: it is downloaded without one.
import type { Preset, PresetInfo } from "./types.js";

const HUGGING_FACE = "https://huggingface.co";
const META = `${HUGGING_FACE}/ybelkada/segment-anything/resolve/main/checkpoints`;
const licence = "Apache-2.0";

/** The checkpoints known by name, besides the built-in `tiny`: smallest first. */
export const presets: readonly PresetInfo[] = [
  {
    name: "slimsam-77",
    title: "SlimSAM (77 % of ViT-B pruned)",
    url: `${HUGGING_FACE}/Zigeng/SlimSAM-uniform-77/resolve/main/model.safetensors`,
    bytes: 39_000_000,
    licence,
  },
  {
    name: "mobile-sam",
    title: "MobileSAM",
    url: `${HUGGING_FACE}/dhkim2810/MobileSAM/resolve/main/mobile_sam.pt`,
    bytes: 40_728_226,
    integrity: "sha256-bbuQUjo1Mw/t1/HT38ZvmVIT2BsppcqBCNvN1ON9bC8=",
    licence,
  },
  {
    name: "sam-vit-b",
    title: "SAM ViT-B",
    url: `${META}/sam_vit_b_01ec64.pth`,
    bytes: 375_042_383,
    integrity: "sha256-7C32JzJhTldBHNzzKiP/3yiRA4DQMTnuD0/L6R64yRI=",
    licence,
  },
  {
    name: "sam-vit-l",
    title: "SAM ViT-L",
    url: `${META}/sam_vit_l_0b3195.pth`,
    bytes: 1_249_524_607,
    integrity: "sha256-OtzEMVtkKk0hARKPYRaE6HNMQSMqF8ZI7RaTcCpJpiI=",
    licence,
  },
  {
    name: "sam-vit-h",
    title: "SAM ViT-H",
    url: `${META}/sam_vit_h_4b8939.pth`,
    bytes: 2_564_550_879,
    integrity: "sha256-p787AvPr8SZ6upE/9jfZotXDPTFzu2eeRtnzOMJvJi4=",
    licence,
  },
];

export function findPreset(name: unknown): PresetInfo | undefined {
  return presets.find((preset) => preset.name === (name as Preset));
}
