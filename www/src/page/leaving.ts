/** Leaving the page with work that was not exported is asked about. */
import { isBlank, type Objects } from "../state/objects.ts";

/** One object is soon made again; more are work. `all`: of every image. Returns what is told of an export. */
export function askBeforeLeaving(all: () => readonly Objects[]): (objects: Objects) => void {
  const exported = new WeakSet<Objects>();
  const isWork = (objects: Objects): boolean =>
    !exported.has(objects) && objects.items.filter((item) => !isBlank(item)).length > 1;
  addEventListener("beforeunload", (event) => {
    if (all().some(isWork)) event.preventDefault();
  });
  return (objects) => void exported.add(objects);
}
