// The two builds of the crate. Imported statically, so that a bundler sees the scripts and the `.wasm` files.
import initCpu, { Session as CpuSession } from "../wasm/cpu/burn_sam.js";
import initWebGpu, { Session as WebGpuSession } from "../wasm/webgpu/burn_sam.js";
import type { WasmModules } from "./wasm.js";

export const modules: WasmModules = {
  cpu: {
    init: initCpu,
    Session: CpuSession,
    url: new URL("../wasm/cpu/burn_sam_bg.wasm", import.meta.url),
  },
  webgpu: {
    init: initWebGpu,
    Session: WebGpuSession,
    url: new URL("../wasm/webgpu/burn_sam_bg.wasm", import.meta.url),
  },
};
