/** Trusted Types, as far as they are needed: TypeScript does not know them. What a policy makes stands for a URL. */
interface Policy {
  createScriptURL(url: string): URL;
}
interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy;
}

/** Made once, for its name may be taken only once; null where there is none. */
let policy: Policy | null | undefined;

/** The address of a Worker's script, vouched for where the browser knows such things. */
export function trusted(url: string | URL): string | URL {
  return ourPolicy()?.createScriptURL(String(url)) ?? url;
}

/**
 * Makes Workers in words that must stay as they are, because bundlers look for them: so it is the constructor that has
 * their addresses vouched for, as long as this takes.
 */
export function withTrustedWorkers<T>(make: () => T): T {
  if (ourPolicy() === null) return make();
  const { Worker } = globalThis;
  globalThis.Worker = new Proxy(Worker, {
    construct: (Worker, [url, options]: ConstructorParameters<typeof globalThis.Worker>) =>
      new Worker(trusted(url), options),
  });
  try {
    return make();
  } finally {
    globalThis.Worker = Worker;
  }
}

function ourPolicy(): Policy | null {
  if (policy !== undefined) return policy;
  const { trustedTypes } = globalThis as { trustedTypes?: PolicyFactory };
  try {
    policy = trustedTypes?.createPolicy("burn-sam", { createScriptURL: (url) => url }) ?? null;
  } catch {
    // Forbidden by the page: that matters only where it demands a policy, and there the Worker does not start.
    policy = null;
  }
  return policy;
}
