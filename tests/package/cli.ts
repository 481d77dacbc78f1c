// Programs of a project, as its owner starts them.
import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";

const environment = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NO_COLOR: "1", FORCE_COLOR: undefined };
/** Of a program that should serve, until it says where. */
const START_TIMEOUT_MS = 60_000;
/** Of a program that should end: what it has printed until then is in the error. */
const END_TIMEOUT_MS = 240_000;
/** Of a program that was asked to stop. */
const STOP_TIMEOUT_MS = 5000;

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
    if (child.pid === undefined) return;
    signalGroup(child.pid, "SIGTERM");
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, STOP_TIMEOUT_MS))]);
    // Next's server may wait for its visitors to leave, and what a program has started may outlive it.
    signalGroup(child.pid, "SIGKILL");
    await ended;
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

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // None is left.
  }
}
