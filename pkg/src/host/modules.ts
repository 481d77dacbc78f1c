// The two builds of the crate. Imported statically, so that a bundler sees the scripts and the `.wasm` files.
import initCpu, { Session as CpuSession, Sha256 as CpuSha256, convert as convertOnCpu } from "../wasm/cpu/burn_sam.js";
import initWebGpu, {
  Session as WebGpuSession,
  Sha256 as WebGpuSha256,
  convert as convertOnWebGpu,
} from "../wasm/webgpu/burn_sam.js";
import type { WasmModules } from "./wasm.js";

export const modules: WasmModules = {
  cpu: {
    init: initCpu,
    Session: CpuSession,
    Sha256: CpuSha256,
    convert: convertOnCpu,
    url: new URL("../wasm/cpu/burn_sam_bg.wasm", import.meta.url),
  },
  webgpu: {
    init: initWebGpu,
    Session: WebGpuSession,
    Sha256: WebGpuSha256,
    convert: convertOnWebGpu,
    url: new URL("../wasm/webgpu/burn_sam_bg.wasm", import.meta.url),
  },
};
