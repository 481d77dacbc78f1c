// A server of one checkpoint whose connections break where a test wants them to.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { repository } from "./paths.ts";

export const tiny = readFileSync(join(repository, "pkg/models/tiny.safetensors"));

export class ModelServer {
  url = "";
  bytes: Buffer = tiny;
  etag = '"1"';
  /** After how many bytes of its body the next answer says no more, until `drop`. */
  stallAfter: number | undefined;
  isDown = false;
  /** "GET", "GET 5-", "HEAD". */
  readonly requests: string[] = [];
  readonly #stalled = new Set<ServerResponse>();
  #close: () => Promise<void> = async () => undefined;

  static async start(): Promise<ModelServer> {
    const model = new ModelServer();
    const server = createServer((request, response) => model.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    model.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.safetensors`;
    model.#close = async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    };
    return model;
  }

  get integrity(): string {
    return `sha256-${createHash("sha256").update(this.bytes).digest("base64")}`;
  }

  /** What was asked since the last time. */
  asked(): string[] {
    return this.requests.splice(0);
  }

  /** Breaks the connections that are stalled. */
  drop(): void {
    for (const response of this.#stalled) response.destroy();
    this.#stalled.clear();
  }

  close(): Promise<void> {
    return this.#close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    this.requests.push(start > 0 ? `${request.method} ${start}-` : (request.method ?? ""));
    if (this.isDown) {
      request.socket.destroy();
      return;
    }
    const body = this.bytes.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Expose-Headers": "ETag, Content-Range",
      "Content-Length": body.length,
      ETag: this.etag,
      ...(start > 0 ? { "Content-Range": `bytes ${start}-${this.bytes.length - 1}/${this.bytes.length}` } : {}),
    });
    if (request.method === "HEAD") {
      response.end();
      return;
    }
    const end = this.stallAfter;
    this.stallAfter = undefined;
    if (end === undefined) {
      response.end(body);
      return;
    }
    this.#stalled.add(response);
    response.write(body.subarray(0, end));
  }
}
