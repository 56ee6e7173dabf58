// Prints what a browser would fetch of the page if it fetched everything, as gzip; fails above the limit.
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LIMIT_BYTES = 350 * 1024;
const dist = new URL('../dist/', import.meta.url);
let total = 0;
for (const name of readdirSync(dist, { recursive: true }).sort()) {
  if (!/\.(html|js|css|svg|json)$/.test(name)) continue;
  const size = gzipSync(readFileSync(new URL(name, dist)), { level: 9 }).length;
  total += size;
  console.log(`${(size / 1024).toFixed(1).padStart(8)} KB  ${name}`);
}
console.log(`${(total / 1024).toFixed(1).padStart(8)} KB  in all, of ${LIMIT_BYTES / 1024} KB`);
if (total === 0 || total > LIMIT_BYTES) process.exit(1);
