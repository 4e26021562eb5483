// What a browser loads before the first page shows, compressed, in octets; 1 where it is
// more than the wall. The overview is the first page, so its charts count.
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

const OUT = process.env.PAYCORE_WEB_OUT ?? "../src/paycore/console/static";
const WALL = 600 * 1024;
const FIRST = ["index.html", "src/pages/overview/index.tsx"];

const manifest = JSON.parse(await readFile(join(OUT, "manifest.json"), "utf8"));
const files = new Set(["index.html"]);

function take(name) {
  const entry = manifest[name];
  if (files.has(entry.file)) return;
  files.add(entry.file);
  for (const file of entry.css ?? []) files.add(file);
  for (const file of entry.assets ?? []) files.add(file);
  for (const other of entry.imports ?? []) take(other);
}

FIRST.forEach(take);
// The charts are asked for by the overview itself, once it shows.
for (const name of manifest[FIRST[1]].dynamicImports ?? []) take(name);

let total = 0;
for (const file of [...files].sort()) {
  const { size } = await stat(join(OUT, file + ".gz"));
  total += size;
  console.log(String(size).padStart(8), file);
}
console.log(JSON.stringify({ first_load_octets: total, wall: WALL }));
process.exitCode = total > WALL ? 1 : 0;
