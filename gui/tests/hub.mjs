// A small mirror that speaks the hub's protocol: what a repository holds, and its files, from any byte on.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
/** What is sent at a time, so that a pace can be kept. */
const PIECE_BYTES = 64 * 1024;

/** `repositories`: by name `{ licence, files: { name: path } }`. Bytes a second can be set while it runs. */
export async function startHub(repositories) {
  const files = new Map();
  for (const [repo, { files: named }] of Object.entries(repositories)) {
    for (const [name, path] of Object.entries(named)) files.set(`${repo}/${name}`, readFileSync(path));
  }
  const hub = { bytesPerSecond: Infinity, ranges: [], url: '', close: () => server.close() };
  const server = createServer((request, reply) => {
    const { pathname } = new URL(request.url, 'http://hub');
    const about = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/main$/.exec(pathname)?.[1];
    const file = /^\/([^/]+\/[^/]+)\/resolve\/[0-9a-f]+\/(.+)$/.exec(pathname);
    const bytes = file && files.get(`${file[1]}/${file[2]}`);
    if (about && repositories[about]) reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(told(about)));
    else if (bytes) void send(bytes, request, reply);
    else reply.writeHead(404).end();
  });

  function told(repo) {
    const siblings = Object.keys(repositories[repo].files).map((name) => {
      const bytes = files.get(`${repo}/${name}`);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return { rfilename: name, size: bytes.length, lfs: { sha256, size: bytes.length } };
    });
    return { sha: COMMIT, cardData: { license: repositories[repo].licence }, siblings };
  }

  async function send(bytes, request, reply) {
    const range = request.headers.range;
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    hub.ranges.push(from);
    const part = range ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
    reply.writeHead(range ? 206 : 200, { 'content-length': bytes.length - from, 'accept-ranges': 'bytes', ...part });
    for (let at = from; at < bytes.length && !reply.destroyed; at += PIECE_BYTES) {
      reply.write(bytes.subarray(at, at + PIECE_BYTES));
      const pause = (PIECE_BYTES / hub.bytesPerSecond) * 1_000;
      if (pause >= 1) await new Promise((resolve) => setTimeout(resolve, pause));
    }
    reply.end();
  }

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  // The tests end when they are done, whether or not somebody is still connected.
  server.unref();
  hub.url = `http://127.0.0.1:${server.address().port}`;
  return hub;
}
