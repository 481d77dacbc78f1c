// Programs of a project, as its owner starts them.
import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";

const environment = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NO_COLOR: "1", FORCE_COLOR: undefined };
/** Of a program that should serve, until it says where. */
const START_TIMEOUT_MS = 60_000;
/** Of a program that should end: what it has printed until then is in the error. */
const END_TIMEOUT_MS = 240_000;

/** Runs a script of Node in a project; a failure carries what it printed. */
export async function node(folder: string, script: string, ...args: readonly string[]): Promise<string> {
  try {
    const options = { cwd: folder, env: environment, encoding: "utf8", timeout: END_TIMEOUT_MS } as const;
    const { stdout } = await promisify(execFile)("node", [script, ...args], options);
    return stdout;
  } catch (error) {
    if (!(error instanceof Error && "stdout" in error && "stderr" in error)) throw error;
    throw new Error(`${error.message}\n${error.stdout}\n${error.stderr}`, { cause: error });
  }
}

export interface Program {
  /** The first address it printed. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a script of Node that serves, and waits until it prints its address. */
export async function start(folder: string, script: string, ...args: readonly string[]): Promise<Program> {
  // A group of its own, because it may start others.
  const child = spawn("node", [script, ...args], { cwd: folder, env: environment, detached: true });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    const runs = child.exitCode === null && child.signalCode === null;
    if (child.pid === undefined) return;
    if (runs) process.kill(-child.pid, "SIGTERM");
    await ended;
    // Those that it started may live on, and hold what the next program of this project asks for.
    await groupEnded(child.pid);
  };
  let output = "";
  try {
    const url = await new Promise<string>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${script} ${args.join(" ")} ${why}:\n${output}`));
      const listen = (part: Buffer) => {
        output += part.toString();
        const url = output.match(/https?:\/\/(localhost|127\.0\.0\.1):\d+\/?/)?.[0];
        if (url !== undefined) resolve(url);
      };
      child.stdout.on("data", listen);
      child.stderr.on("data", listen);
      child.once("error", reject);
      child.once("exit", (code) => fail(`ended with ${code}`));
      setTimeout(() => fail("did not say where it serves"), START_TIMEOUT_MS).unref();
    });
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits until no process of a group is left; after a while they are made to end. */
async function groupEnded(group: number): Promise<void> {
  const kill = (signal: NodeJS.Signals | 0): boolean => {
    try {
      return process.kill(-group, signal);
    } catch {
      return false;
    }
  };
  for (let waited = 0; kill(waited < 5000 ? 0 : "SIGKILL") && waited < 10_000; waited += 50) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
