// Without a bundler: files as they are, from a server.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serve, type Served } from "../browser/support/server.ts";
import { expectMask, makeProject, test } from "./support.ts";

function addImportMap(project: string, address: string): void {
  const file = join(project, "index.html");
  const map = `<script type="importmap">{ "imports": { "burn-sam": "${address}" } }</script>`;
  writeFileSync(file, readFileSync(file, "utf8").replace("<script", `${map}\n  <script`));
}

test("plain HTML below a path", async ({ page }) => {
  const project = makeProject("app");
  addImportMap(project, "./node_modules/burn-sam/dist/index.js");
  await withServers([serve(project, { base: "/some/deep/path/" })], ([site]) =>
    expectMask(page, `${site!.url}index.html`),
  );
});

test("the package on another origin, as from a CDN", async ({ page }) => {
  const project = makeProject("app");
  const cdn = serve(project, { headers: () => ({ "Access-Control-Allow-Origin": "*" }) });
  addImportMap(project, `${(await cdn).url}node_modules/burn-sam/dist/index.js`);
  await withServers([serve(project), cdn], ([site]) => expectMask(page, site!.url));
});

async function withServers(starting: Promise<Served>[], work: (servers: Served[]) => Promise<void>): Promise<void> {
  const servers = await Promise.all(starting);
  try {
    await work(servers);
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
}
