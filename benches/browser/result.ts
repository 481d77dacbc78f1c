// What a run comes to, and its tables.
import type { Device, Difference, EngineName, Memory, Op, PeerName } from "./protocol.ts";
import type { Download } from "./site.ts";

/** Milliseconds, in the order they were taken. */
export interface Times {
  load?: number;
  firstEncode?: number;
  firstDecode?: number;
  /** The encodes after the first. */
  encode: number[];
  /** The first decode of each image after the first. */
  newImageDecode: number[];
  decode: number[];
  /** A decode and its three masks in the size of the image. */
  segment: number[];
}

/** One engine with one model on one device. */
export interface EngineResult {
  times: Times;
  /** The peak. */
  memory?: Memory;
  download?: Download;
  /** Why it came no further. */
  error?: string;
}

export interface ModelResult {
  readonly model: string;
  readonly device: Device;
  readonly imageSize: number;
  readonly engines: Partial<Record<EngineName, EngineResult>>;
  /** How far each of the others is from burn-sam. */
  readonly differences: Partial<Record<PeerName, Difference>>;
}

export interface OpResult extends Op {
  readonly device: Device;
  /** Products and sums of one run. */
  readonly flop?: number;
  /** Milliseconds of each run. */
  readonly times: Partial<Record<EngineName, number[]>>;
}

export interface Result {
  readonly date: string;
  readonly commit: string;
  readonly profile: string;
  readonly cpu: string;
  readonly cores: number;
  /** On the CPU. */
  readonly threads: number;
  /** Measured. */
  readonly ghz: number;
  /** Processes that wanted a core in the minute before. */
  readonly load: number;
  readonly adapter: string;
  readonly versions: Readonly<Record<string, string | number>>;
  readonly models: ModelResult[];
  readonly ops: OpResult[];
}

/** Beyond this, of the scale, two do not compute the same, and no ratio of their times means anything. */
const MAX_DIFFERENCE = 1e-2;

/** In 128-bit WebAssembly SIMD: two instructions a cycle, of four products and four sums at the most. */
const FLOP_PER_CYCLE = 16;

export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

export function agrees({ differences }: ModelResult): boolean {
  return Object.values(differences).every(isRounding);
}

function isRounding(difference: Difference): boolean {
  return Object.values(difference).every((value) => value <= MAX_DIFFERENCE);
}

/** All tables, in Markdown. */
export function tables(result: Result): string {
  const { commit, profile, cpu, cores, threads, ghz, load, adapter, versions, date } = result;
  const onCpu = threads === 1 ? "CPU, one thread" : `CPU, ${threads} threads`;
  const lines = [
    `${date}, commit ${commit}, ${profile} build; ${cpu}, ${cores} cores at ${ghz.toFixed(2)} GHz, load ${load.toFixed(1)} before; WebGPU: ${adapter}.`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ") + ".",
  ];
  for (const device of ["cpu", "webgpu"] as const) {
    const models = result.models.filter((entry) => entry.device === device);
    const ops = result.ops.filter((entry) => entry.device === device);
    if (models.length + ops.length === 0) continue;
    lines.push("", `## ${device === "cpu" ? onCpu : `WebGPU (${adapter})`}`);
    for (const model of models) lines.push("", ...modelTable(model));
    if (ops.length > 0) lines.push("", ...opTable(ops, device, ghz));
  }
  return lines.join("\n");
}

type Row = [what: string, of: (engine: EngineResult) => number | undefined, unit: (value: number) => string];

function modelTable(result: ModelResult): string[] {
  const { model, imageSize, engines, differences } = result;
  const rows: Row[] = [
    ["load", ({ times }) => times.load, ms],
    ["first encode", ({ times }) => times.firstEncode, ms],
    ["encode", ({ times }) => median(times.encode), ms],
    ["first decode", ({ times }) => times.firstDecode, ms],
    ["decode, first of an image", ({ times }) => median(times.newImageDecode), ms],
    ["decode", ({ times }) => median(times.decode), ms],
    [`upsampling, 3 masks to ${imageSize}²`, upsampling, ms],
    ["peak WebAssembly memory", ({ memory }) => memory?.wasm, megabytes],
    // Without a GPU there is no buffer.
    ["peak GPU buffers", ({ memory }) => memory?.gpu || undefined, megabytes],
    ["download, gzipped", ({ download }) => download?.gzip, megabytes],
  ];
  const own = engines["burn-sam"];
  const peers = (["one-thread", "onnxruntime-web", "candle"] as const).flatMap((name) => {
    const [engine, difference] = [engines[name], differences[name]];
    return engine === undefined
      ? []
      : [{ name, engine, difference, agree: difference === undefined || isRounding(difference) }];
  });
  const lines = [
    `| ${model} | burn-sam |${peers.map(({ name }) => ` ${name} | ratio |`).join("")}`,
    `| --- | ---: |${peers.map(() => " ---: | ---: |").join("")}`,
  ];
  for (const [what, of, unit] of rows) {
    const ours = own && of(own);
    const cells = peers.map(({ engine, agree }) => {
      const theirs = of(engine);
      return ` ${theirs === undefined ? "n/a" : unit(theirs)} | ${agree ? quotient(theirs, ours) : "—"} |`;
    });
    if (ours === undefined && peers.every(({ engine }) => of(engine) === undefined)) continue;
    lines.push(`| ${what} | ${ours === undefined ? "n/a" : unit(ours)} |${cells.join("")}`);
  }
  for (const { name, difference, agree } of peers) {
    if (difference === undefined) continue;
    const parts = Object.entries(difference).map(([part, value]) => `${part} ${value.toExponential(1)}`);
    const verdict = agree ? "" : ` That is more than ${MAX_DIFFERENCE}: they do not compute the same, so no ratios.`;
    lines.push("", `Largest difference from ${name}, of the scale: ${parts.join(", ")}.${verdict}`);
  }
  for (const [name, engine] of Object.entries(engines)) {
    if (engine.error !== undefined) lines.push("", `${name} stopped: ${engine.error}`);
  }
  return lines;
}

function quotient(theirs: number | undefined, ours: number | undefined): string {
  return ours === undefined || theirs === undefined ? "n/a" : `${(theirs / ours).toFixed(2)}×`;
}

function upsampling({ times }: EngineResult): number | undefined {
  const [whole, decode] = [median(times.segment), median(times.decode)];
  return whole === undefined || decode === undefined ? undefined : whole - decode;
}

function opTable(ops: readonly OpResult[], device: Device, ghz: number): string[] {
  const limit = device === "cpu" && ghz > 0 ? FLOP_PER_CYCLE * ghz : undefined;
  const figure = (flop: number | undefined, time: number | undefined) => {
    if (time === undefined) return "n/a | n/a";
    if (flop === undefined) return `${ms(time)} | n/a`;
    const speed = flop / (time * 1e6);
    const part = limit === undefined ? "" : ` (${((100 * speed) / limit).toFixed(0)} %)`;
    return `${ms(time)} | ${speed.toFixed(speed < 10 ? 2 : 1)}${part}`;
  };
  return [
    `| GFLOP/s${limit === undefined ? "" : ` (of ${limit.toFixed(0)})`} | burn-sam | | onnxruntime-web | | ratio |`,
    "| --- | ---: | ---: | ---: | ---: | ---: |",
    ...ops.map(({ op, shape, flop, times }) => {
      const [ours, theirs] = [median(times["burn-sam"] ?? []), median(times["onnxruntime-web"] ?? [])];
      const figures = `${figure(flop, ours)} | ${figure(flop, theirs)} | ${quotient(theirs, ours)}`;
      return `| ${op} ${shape.join("×")} | ${figures} |`;
    }),
  ];
}

function ms(value: number): string {
  return value < 100
    ? `${value.toFixed(1)} ms`
    : value < 10_000
      ? `${value.toFixed(0)} ms`
      : `${(value / 1000).toFixed(1)} s`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;
}
