// burn-sam's Worker, with its GPU buffers counted. No model is loaded before this script has run to its end.
import "burn-sam/worker";
import { CHANNEL, gpuPeak, watchGpuBuffers } from "./gpu-memory.ts";

watchGpuBuffers();
const channel = new BroadcastChannel(CHANNEL);
channel.onmessage = ({ data }: MessageEvent<string>) => {
  if (data === "peak?") channel.postMessage(gpuPeak());
};
