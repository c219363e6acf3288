import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

/** Our folder, the package, and the names of files that differ. */
const VENDORED = [
  { folder: "noble-hashes", name: "@noble/hashes", renamed: {} },
  { folder: "qr", name: "qr", renamed: { LICENSE: "LICENSE-MIT" } },
];

const at = (/** @type {string} */ path) => new URL(`../${path}`, import.meta.url);

test("vendored files are those of the packages in the lock file", () => {
  const lock = JSON.parse(readFileSync(at("package-lock.json"), "utf8"));
  for (const { folder, name, renamed } of VENDORED) {
    const installed = JSON.parse(readFileSync(at(`node_modules/${name}/package.json`), "utf8"));
    assert.equal(installed.version, lock.packages[`node_modules/${name}`].version, name);
    for (const file of readdirSync(at(`web/vendor/${folder}`))) {
      const original = Reflect.get(renamed, file) ?? file;
      const [ours, theirs] = [at(`web/vendor/${folder}/${file}`), at(`node_modules/${name}/${original}`)];
      assert.ok(readFileSync(ours).equals(readFileSync(theirs)), `${folder}/${file}`);
    }
  }
});

test("the lock file names no host but npm's own", () => {
  const lock = readFileSync(at("package-lock.json"), "utf8");
  const hosts = [...lock.matchAll(/"resolved": "https?:\/\/([^/"]+)/g)].map(([, host]) => host);
  assert.deepEqual(hosts.filter((host) => host !== "registry.npmjs.org"), []);
});
