import type { Engine } from "./engine.js";

/** SHA-256 of bytes that come one after another. */
export interface Hash {
  update(bytes: Uint8Array): void;
  /** In hexadecimal. Ends it. */
  digest(): string;
}

/** A new hash, as soon as there is a module to compute it: browsers only hash what is in memory as a whole. */
export type Hashing = () => Promise<Hash>;

export function hashingWith(engine: Promise<Engine>): Hashing {
  return async () => (await engine).sha256();
}
