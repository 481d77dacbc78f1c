// Web Locks on kept files, among all tabs and Workers of the origin; without locks (in Node) everything is done at once.
// There are two for each file: one is whose turn it is to look the file up or to download it, the other is shared by the
// loads that read it, which nobody may change meanwhile. Who has the second never waits for the first: no two wait for
// each other.

const turnOf = (name: string) => `burn-sam file ${name}`;
const readersOf = (name: string) => `burn-sam readers ${name}`;

/** Alone with a file, but for those who read it already. Rejects with the signal's reason while it waits. */
export async function withFile<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const { locks } = globalThis.navigator ?? {};
  return locks === undefined ? work() : locks.request(turnOf(name), { signal }, work);
}

/** Like `withFile`, but at once or not at all; says which. */
export async function ifFree(name: string, work: () => Promise<void>): Promise<boolean> {
  const { locks } = globalThis.navigator ?? {};
  if (locks === undefined) {
    await work();
    return true;
  }
  return locks.request(turnOf(name), { ifAvailable: true }, async (lock) => {
    if (lock !== null) await work();
    return lock !== null;
  });
}

/** From now on nobody changes or removes the file, until what is returned is called. */
export async function startReading(name: string, signal: AbortSignal): Promise<() => void> {
  const { locks } = globalThis.navigator ?? {};
  if (locks === undefined) return () => undefined;
  return new Promise((resolve, reject) => {
    const read = () => new Promise<void>((stop) => resolve(stop));
    locks.request(readersOf(name), { mode: "shared", signal }, read).catch(reject);
  });
}

/** Waits until nobody reads the file, and lets nobody begin to; with `ifAvailable` it does nothing where somebody does. */
export async function whileUnread(
  name: string,
  options: { readonly signal?: AbortSignal; readonly ifAvailable?: boolean },
  work: () => Promise<void>,
): Promise<void> {
  const { locks } = globalThis.navigator ?? {};
  if (locks === undefined) return work();
  await locks.request(readersOf(name), options, (lock) => (lock === null ? undefined : work()));
}
