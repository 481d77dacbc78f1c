// Browsers that Playwright does not drive as they are: Firefox by WebDriver BiDi, WebKitGTK by WebDriver.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import * as puppeteer from "puppeteer-core";
import { Builder } from "selenium-webdriver";

export interface Driver {
  /** Name and version. */
  readonly name: string;
  goto(url: string): Promise<void>;
  /** The value of an expression in the page. */
  evaluate(expression: string): Promise<unknown>;
  close(): Promise<void>;
}

export async function openFirefox(executablePath: string): Promise<Driver> {
  const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true });
  const page = await browser.newPage();
  return {
    name: await browser.version(),
    goto: async (url) => void (await page.goto(url)),
    evaluate: (expression) => page.evaluate(expression),
    close: () => browser.close(),
  };
}

/** `driver`: the program WebKitWebDriver, which starts WebKitGTK's MiniBrowser. It needs a display: Xvfb's. */
export async function openWebKit(driver: string): Promise<Driver> {
  const port = await freePort();
  const command = [driver, `--port=${port}`];
  const program = process.env["DISPLAY"] === undefined ? ["xvfb-run", "--auto-servernum", ...command] : command;
  // A group of its own, because it starts others.
  const child = spawn(program[0] ?? driver, program.slice(1), { detached: true, stdio: "ignore" });
  const exited = once(child, "exit");
  const ended = exited.then(() => Promise.reject(new Error(`${program.join(" ")} ended.`)));
  ended.catch(() => undefined);
  const stop = async () => {
    const runs = child.exitCode === null && child.signalCode === null;
    if (child.pid !== undefined && runs) process.kill(-child.pid, "SIGTERM");
    await exited;
  };
  try {
    const server = `http://127.0.0.1:${port}`;
    await Promise.race([answers(server), ended]);
    const browser = await new Builder().usingServer(server).withCapabilities({ browserName: "MiniBrowser" }).build();
    const capabilities = await browser.getCapabilities();
    return {
      name: `WebKitGTK ${capabilities.getBrowserVersion()}`,
      goto: (url) => browser.get(url),
      evaluate: (expression) => browser.executeScript(`return ${expression};`),
      close: async () => {
        await browser.quit().finally(stop);
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Resolves when a server that has just been started answers. */
async function answers(server: string): Promise<void> {
  const end = Date.now() + 30_000;
  for (;;) {
    try {
      await fetch(`${server}/status`);
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
