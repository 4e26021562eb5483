// The console's build: each file beside its compressed ones.
import { promisify } from "node:util";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompress, constants, gzip } from "node:zlib";

import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// hatch_build.py takes it from here into the package.
const OUT = "node_modules/.made";
const API = process.env.PAYCORE_API ?? "http://127.0.0.1:8000";

// Compressed once here, and never again for a request.
function compressed() {
  const squeeze = [
    [".gz", (text) => promisify(gzip)(text, { level: 9 })],
    [
      ".br",
      (text) =>
        promisify(brotliCompress)(text, {
          params: { [constants.BROTLI_PARAM_QUALITY]: 11 },
        }),
    ],
  ];
  return {
    name: "compressed",
    apply: "build",
    async writeBundle({ dir }) {
      const names = await readdir(dir, { recursive: true });
      const texts = names.filter((name) => /\.(?:html|js|css|svg)$/.test(name));
      await Promise.all(
        texts.flatMap((name) =>
          squeeze.map(async ([ending, by]) => {
            const path = join(dir, name);
            await writeFile(path + ending, await by(await readFile(path)));
          }),
        ),
      );
    },
  };
}

export default defineConfig({
  base: "/console/",
  plugins: [react(), compressed()],
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: "es2023",
    // Nothing inline: the page's policy allows scripts and pictures of files only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    reportCompressedSize: false,
    manifest: "manifest.json",
  },
  server: {
    proxy: {
      "/v1": API,
      "^/console/(session|enrolment)": API,
    },
  },
});
