/** What works on every pixel of a photograph is asked of a Worker: it would block the page for several frames. */

/** One question to a Worker that is started for it. `null` where that is what it answers, or where it cannot be started. */
export async function askWorker<Answer>(
  start: () => Worker,
  question: unknown,
  transfer: Transferable[] = [],
): Promise<Answer | null> {
  let worker: Worker | undefined;
  try {
    const started = (worker = start());
    return await new Promise<Answer | null>((resolve) => {
      started.onmessage = ({ data }) => resolve(data);
      started.onerror = () => resolve(null);
      started.postMessage(question, transfer);
    });
  } catch {
    return null;
  } finally {
    worker?.terminate();
  }
}
