// A page that is not embedded yet, before a node that is: `gui/dist` with the policy that the node would give it, and the rest passed on.
// So that the console can be tried without building the daemon again.

import { readFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const CONSOLE = new URL('../../daemon/src/api/console.rs', import.meta.url);
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };
const OF_PAGE = /^\/(assets\/[\w.-]+|favicon\.svg|theme\.js)?$/;

/** Where the page of `gui/dist` is served before this node. */
export async function front(url) {
  const policy = await policyOf();
  const server = createServer((from, to) => {
    const path = new URL(from.url, url).pathname;
    if (from.method === 'GET' && OF_PAGE.test(path)) void send(path, policy, to);
    else pass(url, from, to);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  // The tests end when they are done, whether or not somebody is still connected.
  server.unref();
  return `http://127.0.0.1:${server.address().port}`;
}

async function policyOf() {
  const source = await readFile(CONSOLE, 'utf8');
  return /const POLICY: &str = "([^"]+)"/.exec(source)[1].replaceAll(/\\\n\s+/g, '');
}

async function send(path, policy, to) {
  const name = path === '/' ? 'index.html' : path.slice(1);
  try {
    const bytes = await readFile(join(DIST, name));
    to.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream', 'content-security-policy': policy }).end(bytes);
  } catch {
    to.writeHead(404).end();
  }
}

function pass(url, from, to) {
  const { host } = new URL(url);
  // The node wants its own name as Host and takes no other site's Origin.
  const headers = { ...from.headers, host, ...(from.headers.origin ? { origin: url } : {}) };
  const asked = request(new URL(from.url, url), { method: from.method, headers }, (reply) => {
    to.writeHead(reply.statusCode, reply.headers);
    reply.pipe(to);
  });
  asked.on('error', () => to.destroy());
  to.on('close', () => asked.destroy());
  from.pipe(asked);
}
