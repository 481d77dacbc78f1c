// The builds of the crate. Imported statically, so that a bundler sees the scripts and the `.wasm` files.
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
import initThreads, {
  Conversion as ThreadsConversion,
  Session as ThreadsSession,
  Sha256 as ThreadsSha256,
  initSync,
  threadRun,
  useThreads,
} from "../wasm/threads/burn_sam.js";
import type { ThreadsModule, WasmModules } from "./wasm.js";

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

/** The CPU's module on several threads. */
export const threads: ThreadsModule = {
  init: initThreads,
  Session: ThreadsSession,
  Sha256: ThreadsSha256,
  Conversion: ThreadsConversion,
  url: new URL("../wasm/threads/burn_sam_bg.wasm", import.meta.url),
  initSync,
  threadRun,
  useThreads,
};
