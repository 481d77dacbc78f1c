// Rendered on the server: the package is imported there, by this file and, before it reaches the browser, by the other.
import { toRle } from "burn-sam";
import Segment from "./segment";

export default function Page() {
  const { counts } = toRle({ data: Uint8Array.of(0, 1, 1, 0), width: 2, height: 2 });
  return (
    <main>
      <p id="server">{counts.join(" ")}</p>
      <Segment />
    </main>
  );
}
