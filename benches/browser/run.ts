// Compares burn-sam with onnxruntime-web, and with candle, in one browser, in one run: `cargo xtask bench` starts it. Progress goes to
// stderr, the tables to stdout, everything to a JSON file.
import { chromium, type Browser, type Page } from "@playwright/test";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { launchOptions } from "../../tests/browser/support/chromium.ts";
import { measureClock } from "./clock.ts";
import type {} from "./page.ts";
import { offersModel, type Device, type EngineName, type Index, type Model, type Op, type Step } from "./protocol.ts";
import { agrees, median, tables, type EngineResult, type ModelResult, type OpResult, type Result } from "./result.ts";
import { openSite, type Site } from "./site.ts";

/** npm starts scripts in the folder of their package.json. */
const root = resolve("..");
const HELP = "npm run bench -w benches -- [--device cpu|webgpu|all] [--models NAMES] [--rounds N] [--dir DIR]";

const ENGINES = ["burn-sam", "one-thread", "onnxruntime-web", "candle"] as const;
const DOWNLOADS: Record<EngineName, string> = {
  "burn-sam": "/pkg/dist/",
  "one-thread": "/pkg/dist/wasm/cpu/",
  "onnxruntime-web": "/ort/",
  candle: "/files/candle/",
};
/** Operations that software adapters do in bearable time. */
const SMALL_OPS = ["matmul", "linear"];
/** How often one round asks about its image, after the first time. */
const DECODES = 5;
/** An operation is run until this many milliseconds are over, and at least `MIN_RUNS` times. */
const OP_TIME = 2000;
const MIN_RUNS = 3;
const WARM_UPS = 3;

const { values: options } = parseArgs({
  options: {
    device: { type: "string", default: "all" },
    /** Names with commas between them. Default: all; on a GPU that is only software, `tiny`. */
    models: { type: "string" },
    /** Rounds after the first encode. Default: as many as take a bearable time. */
    rounds: { type: "string" },
    dir: { type: "string", default: join(root, "target/bench") },
    /** Where the JSON goes. Default: result.json in the folder. */
    out: { type: "string" },
    /** Also `candle`, whose module `cargo xtask bench --candle` builds; or one alone. */
    engines: { type: "string", default: "burn-sam,onnxruntime-web" },
    /** `swiftshader` on every machine alike, or `hardware`. */
    adapter: { type: "string", default: "swiftshader" },
    "no-ops": { type: "boolean", default: false },
    /** On all the processor's threads, beside burn-sam on one; on the CPU. */
    threads: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

await main();

async function main(): Promise<void> {
  if (options.help) return console.log(HELP);
  const { device } = options;
  if (device !== "cpu" && device !== "webgpu" && device !== "all") throw new Error(`--device ${device}; ${HELP}`);
  const devices: Device[] = device === "all" ? ["cpu", "webgpu"] : [device];
  const wanted = [...options.engines.split(","), ...(options.threads ? ["one-thread"] : [])];
  const engines = ENGINES.filter((name) => wanted.includes(name));
  const dir = resolve(root, options.dir);
  const out = options.out === undefined ? join(dir, "result.json") : resolve(root, options.out);
  const index = JSON.parse(readFileSync(join(dir, "bench.json"), "utf8")) as Index;
  const rounds = options.rounds === undefined ? undefined : Number(options.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) throw new Error("--rounds is a whole number");

  const scratch = mkdtempSync(join(tmpdir(), "burn-sam-bench-"));
  const site = await openSite(root, dir, scratch, options.threads);
  const browser = await chromium.launch(launch());
  try {
    const adapter = await withPage(browser, site, (page) => page.evaluate(() => bench.adapter()));
    const result = describeRun(browser, index, adapter?.name ?? "none");
    const save = () => {
      mkdirSync(resolve(out, ".."), { recursive: true });
      writeFileSync(out, `${JSON.stringify(result, null, 2)}\n`);
    };
    for (const device of devices) {
      const slow = device === "webgpu" && (adapter?.software ?? true);
      if (!options["no-ops"]) {
        for (const op of slow ? index.ops.filter(({ op }) => SMALL_OPS.includes(op)) : index.ops) {
          result.ops.push(await withPage(browser, site, (page) => runOp(page, engines, device, op)));
          save();
        }
      }
      for (const model of chooseModels(index, slow)) {
        const count = rounds ?? defaultRounds(model, slow);
        result.models.push(
          await withPage(browser, site, (page) => runModel(page, site, engines, device, model, count)),
        );
        save();
      }
    }
    console.log(tables(result));
    say(`everything is in ${out}`);
    if (!result.models.every(agrees)) throw new Error("the engines do not agree: see above");
  } finally {
    await browser.close();
    await site.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

function launch(): { executablePath: string; args: string[] } {
  const { executablePath, args } = launchOptions("webgpu");
  if (options.adapter === "swiftshader") return { executablePath, args };
  const hardware = ["--enable-features=Vulkan", "--use-angle=vulkan", "--ignore-gpu-blocklist"];
  return { executablePath, args: [...args.filter((arg) => !arg.includes("swiftshader")), ...hardware] };
}

function chooseModels({ models }: Index, slow: boolean): readonly Model[] {
  if (options.models === undefined) return slow ? models.filter(({ name }) => name === "tiny") : models;
  return options.models.split(",").map((name) => {
    const model = models.find((model) => model.name === name);
    if (model === undefined) throw new Error(`${name} is not among the exported models: benches/onnx/export.py`);
    return model;
  });
}

/** An encode of `tiny` takes a quarter of a second on a CPU, one of ViT-B more than a minute. */
function defaultRounds({ parameters }: Model, slow: boolean): number {
  if (slow) return parameters < 5e6 ? 3 : 1;
  return parameters < 5e6 ? 10 : parameters < 50e6 ? 5 : 2;
}

/** A page of its own: no engine finds what another has left. */
async function withPage<T>(browser: Browser, site: Site, work: (page: Page) => Promise<T>): Promise<T> {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    page.on("pageerror", (error) => say(`  the page: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error") say(`  the page: ${message.text()}`);
    });
    await page.goto(site.url);
    await page.waitForFunction(() => typeof bench === "object");
    return await work(page);
  } finally {
    await context.close();
  }
}

/** One model through all engines, by turns. */
async function runModel(
  page: Page,
  site: Site,
  names: readonly EngineName[],
  device: Device,
  model: Model,
  rounds: number,
): Promise<ModelResult> {
  say(`${model.name} on ${device}, ${rounds} rounds`);
  const playing = names.filter((name) => offersModel(name, device, model));
  const results = playing.map((name): [EngineName, EngineResult] => [
    name,
    { times: { encode: [], newImageDecode: [], decode: [], segment: [] } },
  ]);
  const result: ModelResult = {
    model: model.name,
    device,
    imageSize: model.imageSize,
    engines: Object.fromEntries(results),
    differences: {},
  };
  /** Lets each engine that still works take its turn. */
  const each = async (work: (name: EngineName, engine: EngineResult) => Promise<void>) => {
    for (const [name, engine] of results) {
      if (engine.error !== undefined) continue;
      try {
        await work(name, engine);
      } catch (error) {
        engine.error = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
        say(`  ${name} stopped: ${engine.error}`);
      }
    }
  };
  const time = async (name: EngineName, step: Step): Promise<number> => {
    const took = await page.evaluate(([name, step]) => bench.time(name, step), [name, step] as const);
    say(`  ${name} ${step}: ${took.toFixed(1)} ms`);
    return took;
  };

  site.forgetDownloads();
  await page.evaluate(([device, model]) => bench.prepareEngines(device, model), [device, model] as const);
  await each(async (name, engine) => {
    engine.times.load = await time(name, "load");
    // What the browser still compiles must not disturb the other one.
    await page.waitForTimeout(2000);
  });
  await each(async (name, engine) => {
    engine.times.firstEncode = await time(name, "encode");
  });
  await each(async (name, engine) => {
    engine.times.firstDecode = await time(name, "decode");
  });
  await each(async (name) => {
    const own = result.engines["burn-sam"];
    if (name === "burn-sam" || own === undefined || own.error !== undefined) return;
    result.differences[name] = await page.evaluate((name) => bench.difference(name), name);
    say(`  difference from ${name}: ${JSON.stringify(result.differences[name])}`);
  });
  await each(async (name, engine) => {
    engine.download = await site.downloaded(DOWNLOADS[name]);
  });
  for (let round = 0; round < rounds; round++) {
    await each(async (name, engine) => {
      engine.times.encode.push(await time(name, "encode"));
    });
    await each(async (name, engine) => {
      engine.times.newImageDecode.push(await time(name, "decode"));
      for (let i = 0; i < DECODES; i++) engine.times.decode.push(await time(name, "decode"));
    });
    await each(async (name, engine) => {
      if (!(await page.evaluate((name) => bench.offers(name, "segment"), name))) return;
      engine.times.segment.push(await time(name, "segment"));
    });
  }
  await each(async (name, engine) => {
    engine.memory = await page.evaluate((name) => bench.memory(name), name);
  });
  return result;
}

async function runOp(page: Page, names: readonly EngineName[], device: Device, op: Op): Promise<OpResult> {
  const times: Partial<Record<EngineName, number[]>> = {};
  let flop: number | undefined;
  for (const name of names) {
    const about = await page.evaluate((about) => bench.prepareOp(...about), [name, device, op] as const);
    if (about === undefined) continue;
    times[name] = [];
    flop ??= about.flop;
  }
  const run = async () => {
    for (const name of Object.keys(times) as EngineName[]) {
      times[name]?.push(await page.evaluate((name) => bench.timeOp(name), name));
    }
  };
  const runs = async (done: (count: number, elapsed: number) => boolean) => {
    const started = performance.now();
    for (let i = 0; !done(i, performance.now() - started); i++) await run();
  };
  // The browser compiles WebAssembly a second time, better, once it has run for a while.
  await runs((count, elapsed) => count >= WARM_UPS || (count > 0 && elapsed > OP_TIME));
  for (const taken of Object.values(times)) taken.length = 0;
  await runs((count, elapsed) => count >= MIN_RUNS && elapsed > OP_TIME);
  const medians = Object.entries(times).map(([name, taken]) => `${name} ${median(taken)?.toFixed(2)} ms`);
  say(`${op.file} on ${device}: ${medians.join(", ")}`);
  return { ...op, device, ...(flop === undefined ? {} : { flop }), times };
}

function describeRun(browser: Browser, index: Index, adapter: string): Result {
  const [cpu] = cpus();
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  const changed = git("status", "--porcelain", "--untracked-files=no") === "" ? "" : " with changes";
  const ort = readFileSync(join(root, "node_modules/onnxruntime-web/package.json"), "utf8");
  const burn = /name = "burn"\nversion = "(.*)"/.exec(readFileSync(join(root, "Cargo.lock"), "utf8"));
  return {
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    commit: git("rev-parse", "--short", "HEAD") + changed,
    profile: process.env["BURN_SAM_PROFILE"] ?? "unknown",
    cpu: cpu?.model ?? "unknown processor",
    cores: cpus().length,
    threads: options.threads ? cpus().length : 1,
    ghz: measureClock(),
    load: loadavg()[0] ?? 0,
    adapter,
    versions: {
      Chromium: browser.version(),
      burn: burn?.[1] ?? "unknown",
      "onnxruntime-web": (JSON.parse(ort) as { version: string }).version,
      ...index.versions,
    },
    models: [],
    ops: [],
  };
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
