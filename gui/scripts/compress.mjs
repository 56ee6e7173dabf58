// Puts a gzip of each built file beside it, which the daemon sends to browsers; small ones gain nothing.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const SMALLEST_BYTES = 512;
const dist = new URL('../dist/', import.meta.url);
for (const name of readdirSync(dist, { recursive: true })) {
  if (!/\.(html|js|css|svg|json)$/.test(name)) continue;
  const bytes = readFileSync(new URL(name, dist));
  // Without a time in it, so that the same sources make the same file.
  if (bytes.length >= SMALLEST_BYTES) writeFileSync(new URL(`${name}.gz`, dist), gzipSync(bytes, { level: 9 }));
}
