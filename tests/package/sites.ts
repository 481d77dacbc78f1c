// Pages of somebody else that use the package without a bundler: files as they are, from servers.
import { cpSync, mkdtempSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../browser/support/paths.ts";
import { withOrientation } from "../browser/support/images.ts";
import { serve, type ServeOptions, type Served } from "../browser/support/server.ts";
import { sharedProject, test, workplace } from "./support.ts";

const anyOrigin = { "Access-Control-Allow-Origin": "*" };
const isolated: Readonly<Record<string, string>> = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Servers of the current test. */
const servers: Served[] = [];
test.afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

export async function open(folder: string, options?: ServeOptions): Promise<string> {
  const server = await serve(folder, options);
  servers.push(server);
  return server.url;
}

/** The project `app` where its script imports the package by an address. */
function plainProject(address = "./node_modules/burn-sam/dist/index.js"): string {
  const installed = sharedProject("app");
  const project = mkdtempSync(join(workplace(), "plain-"));
  for (const name of ["index.html", "main.js", "scene.png"]) cpSync(join(installed, name), join(project, name));
  // The package is large, and nothing is written there.
  symlinkSync(join(installed, "node_modules"), join(project, "node_modules"), "junction");
  edit(project, "main.js", (script) => script.replace('"burn-sam"', JSON.stringify(address)));
  return project;
}

function edit(project: string, name: string, change: (text: string) => string): void {
  const file = join(project, name);
  writeFileSync(file, change(readFileSync(file, "utf8")));
}

/** An origin that serves the package alone. */
async function openCdn(): Promise<{ origin: string; script: string }> {
  const files = join(sharedProject("app"), "node_modules/burn-sam");
  const url = await open(files, { base: "/burn-sam@1/", headers: () => anyOrigin });
  return { origin: new URL(url).origin, script: `${url}dist/index.js` };
}

/** On every file: a Worker has the policy of its own script. */
function withPolicy(directives: Readonly<Record<string, string>>): ServeOptions {
  const all = { "default-src": "'none'", "img-src": "data:", ...directives };
  const policy = Object.entries(all).map((directive) => directive.join(" "));
  return { headers: () => ({ "Content-Security-Policy": policy.join("; ") }) };
}

const strict = { "script-src": "'self' 'wasm-unsafe-eval'", "worker-src": "'self'", "connect-src": "'self'" };
const strictWith = (origin: string) => ({
  "script-src": `'self' ${origin} 'wasm-unsafe-eval'`,
  // A Blob starts the Worker; for Firefox, what is imported there counts as Workers too.
  "worker-src": `blob: ${origin}`,
  "connect-src": `'self' ${origin}`,
});
const trustedTypes = (policy: string) => ({ "require-trusted-types-for": "'script'", "trusted-types": policy });

/** How a server says so. */
export const demandingTrustedTypes = withPolicy({ ...strict, ...trustedTypes("burn-sam") });

/** Each gives the address of a page that shows its answer in its title. */
export const sites = {
  "plain HTML below a path": async () => `${await open(plainProject(), { base: "/some/deep/path/" })}index.html`,
  "an import map": () => {
    const project = plainProject("burn-sam");
    edit(project, "index.html", (html) => {
      const imports = { "burn-sam": "./node_modules/burn-sam/dist/index.js" };
      return html.replace("<script", `<script type="importmap">${JSON.stringify({ imports })}</script>\n  <script`);
    });
    return open(project);
  },
  "the package on another origin, as from a CDN": async () => open(plainProject((await openCdn()).script)),
  "a Content-Security-Policy without eval and inline scripts": () => open(plainProject(), withPolicy(strict)),
  "such a policy, and the package on another origin": async () => {
    const { origin, script } = await openCdn();
    return open(plainProject(script), withPolicy(strictWith(origin)));
  },
  "a policy that demands Trusted Types": () => open(plainProject(), demandingTrustedTypes),
  "Trusted Types, and the package on another origin": async () => {
    const { origin, script } = await openCdn();
    return open(plainProject(script), withPolicy({ ...strictWith(origin), ...trustedTypes("burn-sam") }));
  },
  "a cross-origin isolated page (COOP and COEP)": () => open(plainProject(), { headers: () => isolated }),
  "such a page, and the package on another origin": async () =>
    open(plainProject((await openCdn()).script), { headers: () => isolated }),
};

/** Servers that forbid what the package needs, and the words of the error that say what is missing. */
export const forbidding = {
  "a policy that forbids WebAssembly": {
    open: () => open(plainProject(), withPolicy({ ...strict, "script-src": "'self'" })),
    missing: "'wasm-unsafe-eval'",
  },
  "a policy that forbids Workers": {
    open: () => open(plainProject(), withPolicy({ ...strict, "worker-src": "'none'" })),
    missing: "worker-src",
  },
  "COEP on the page alone": {
    open: () => open(plainProject(), { headers: (path) => (path === "/" ? isolated : {}) }),
    missing: "Cross-Origin-Embedder-Policy",
  },
};

/** A page that may have threads, and shows what it computes on, with the package from its own origin or from another. */
export async function threadedSite(other: boolean): Promise<string> {
  const project = other ? plainProject((await openCdn()).script) : plainProject();
  edit(project, "main.js", (script) => script.replace("sam.info.device", "sam.info.adapter"));
  return open(project, { headers: () => isolated });
}

/** Is the module with threads in the package? Without it, there is an empty one in its place. */
export function hasThreads(): boolean {
  return statSync(join(sharedProject("app"), "node_modules/burn-sam/dist/wasm/threads/burn_sam_bg.wasm")).size > 1000;
}

/** Trusted Types that do not name ours: not every browser minds. */
export const othersTypes = () => open(plainProject(), withPolicy({ ...strict, ...trustedTypes("somebody-elses") }));

/** Frames by name: the attribute `sandbox`, and whether the frame is of another origin than the page around it. */
export const frames = {
  "of the page's origin": { sandbox: undefined, other: false },
  "of another origin": { sandbox: undefined, other: true },
  'sandboxed with "allow-scripts allow-same-origin"': { sandbox: "allow-scripts allow-same-origin", other: false },
  'sandboxed with "allow-scripts", an origin of its own': { sandbox: "allow-scripts", other: false },
};

/** A page around a frame with the project. The page's title becomes the frame's when that has its answer. */
export async function framingSite({ sandbox, other }: (typeof frames)[keyof typeof frames]): Promise<string> {
  const project = plainProject();
  const headers = () => anyOrigin;
  const site = await open(project, { headers });
  const framed = other ? await open(project, { headers }) : site;
  edit(project, "main.js", (script) => `${script}\nimport "./tell.js";\n`);
  writeFileSync(
    join(project, "tell.js"),
    'new MutationObserver(() => parent.postMessage(document.title, "*")).observe(document.head, { subtree: true, childList: true });',
  );
  writeFileSync(join(project, "listen.js"), "onmessage = ({ data }) => (document.title = data);");
  const attribute = sandbox === undefined ? "" : `sandbox="${sandbox}"`;
  writeFileSync(
    join(project, "frame.html"),
    `<!doctype html>
<title>A project that uses burn-sam</title>
<link rel="icon" href="data:," />
<script src="./listen.js"></script>
<iframe ${attribute} src="${framed}"></iframe>
`,
  );
  return `${site}frame.html`;
}

/** The project `tour`, which leaves its answers in `globalThis.report`. */
export function tour(): Promise<string> {
  const project = sharedProject("tour");
  const jpeg = join(repository, "www/public/samples/cat.jpg");
  cpSync(jpeg, join(project, "upright.jpg"));
  writeFileSync(join(project, "turned.jpg"), withOrientation(readFileSync(jpeg), 6));
  return open(project);
}
