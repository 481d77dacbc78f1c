// What a name that is not known may have been meant for.

/** The most similar of the known names; undefined where none is similar. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const given = plain(name);
  let best: string | undefined;
  // A typing error in each three letters, at least one.
  let least = Math.max(1, Math.floor(given.length / 3)) + 1;
  for (const each of known) {
    const distance = distanceOf(given, plain(each));
    if (distance < least) [best, least] = [each, distance];
  }
  return best;
}

/** As a list in a sentence. */
export function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** The reference's names have underscores. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** Letters to insert, to delete or to change; they hardly count where one name is in the other. */
function distanceOf(a: string, b: string): number {
  if (Math.min(a.length, b.length) >= 3 && (a.includes(b) || b.includes(a))) return Math.abs(a.length - b.length) / 100;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const change = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
