// The two builds of the crate. Imported statically, so that a bundler sees the scripts and the `.wasm` files.
import initCpu, {
  Conversion as CpuConversion,
  Session as CpuSession,
  Sha256 as CpuSha256,
} from "../wasm/cpu/burn_sam.js";
import initWebGpu, {
  Conversion as WebGpuConversion,
  Session as WebGpuSession,
  Sha256 as WebGpuSha256,
} from "../wasm/webgpu/burn_sam.js";
import type { WasmModules } from "./wasm.js";

export const modules: WasmModules = {
  cpu: {
    init: initCpu,
    Session: CpuSession,
    Sha256: CpuSha256,
    Conversion: CpuConversion,
    url: new URL("../wasm/cpu/burn_sam_bg.wasm", import.meta.url),
  },
  webgpu: {
    init: initWebGpu,
    Session: WebGpuSession,
    Sha256: WebGpuSha256,
    Conversion: WebGpuConversion,
    url: new URL("../wasm/webgpu/burn_sam_bg.wasm", import.meta.url),
  },
};
