// After `vite build`: holds the first page to its budget, and puts a .gz and a .br beside each file that gets smaller by it.
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const DIST = new URL("dist/app", import.meta.url).pathname;
/** JavaScript of the first page, compressed. */
const MOST = 300 * 1024;

const manifest = JSON.parse(readFileSync(join(DIST, "manifest.json"), "utf8"));
const first = new Set();
const collect = (key) => {
  if (first.has(key)) return;
  first.add(key);
  for (const other of manifest[key].imports ?? []) collect(other);
};
collect("index.html");
const size = [...first].reduce((sum, key) => sum + gzipSync(readFileSync(join(DIST, manifest[key].file)), { level: 9 }).length, 0);
console.log(`the first page loads ${Math.ceil(size / 1024)} KiB of JavaScript, compressed; ${MOST / 1024} KiB are allowed`);
if (size > MOST) {
  console.error("error: the first page is too large: load something of it later");
  process.exit(1);
}
rmSync(join(DIST, "manifest.json"));

for (const entry of readdirSync(DIST, { recursive: true })) {
  const path = join(DIST, entry);
  if (!statSync(path).isFile() || !/\.(js|css|html|svg)$/.test(path)) continue;
  const bytes = readFileSync(path);
  const packed = {
    gz: gzipSync(bytes, { level: 9 }),
    br: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
  };
  for (const [extension, data] of Object.entries(packed)) {
    if (data.length < bytes.length * 0.9) writeFileSync(`${path}.${extension}`, data);
  }
}
