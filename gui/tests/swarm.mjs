// A real swarm for the tests: a node process for each bundled expert, which end when this process does.

import { spawn, execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { front } from './front.mjs';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** Until every node knows every expert; two loaded cores take their time. */
const UP_MS = 600_000;
const POLL_MS = 200;
/** The node whose console is looked at. */
const FIRST = 'geography';
/** An expert that takes its time and writes much before its answer, so that there is something to stop: some twenty seconds of it. */
const SLOW = 'numerals';

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(what, ms, look) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${ms / 1000} s: ${what}`);
    await pause(POLL_MS);
  }
}

function daemonPath() {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
  const path = process.env.POLYMATH_DAEMON ?? join(target, 'debug', 'daemon');
  if (!existsSync(path)) throw new Error(`no daemon at ${path}: build it (cargo build --package polymath-daemon), or set POLYMATH_DAEMON`);
  return path;
}

/** Variables of the user's own do not reach the nodes, nor does what nodes keep reach his folders. */
function environment(folder, more) {
  const kept = Object.entries(process.env).filter(([name]) => !/^(POLYMATH|HF|OLLAMA)_/.test(name));
  return { ...Object.fromEntries(kept), XDG_STATE_HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder, ...more };
}

class Node {
  /** `expert` is a bundled one's name or a card's path; `inside` makes it `{ node, swarm }`'s node in a private swarm. */
  constructor(swarm, name, { settings = '', expert = name, more = [], env = {}, inside } = {}) {
    this.swarm = swarm;
    this.name = name;
    this.state = inside?.node.state ?? join(swarm.folder, name);
    mkdirSync(this.state, { recursive: true });
    this.settings = join(this.state, 'config.toml');
    if (!inside) writeFileSync(this.settings, settings);
    this.env = environment(this.state, env);
    const bootstrap = swarm.address ? ['--bootstrap', swarm.address] : [];
    const flags = [
      ...(inside ? ['--swarm', inside.swarm, 'run'] : ['run', '--no-mdns', '--namespace', swarm.namespace, ...bootstrap]),
      '--config', this.settings, '--state-dir', this.state, '--assets', swarm.assets, '--name', name,
      ...(expert ? ['--expert', resolve(swarm.assets, 'models/experts', expert)] : []),
      '--listen', '/ip4/127.0.0.1/udp/0/quic-v1', '--grpc', 'off', '--ws', 'off', '--until-stdin-closes', ...more,
    ];
    this.said = '';
    this.child = spawn(swarm.daemon, flags, { env: this.env, stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (data) => (this.said += data));
    this.ended = new Promise((resolve) => this.child.on('exit', resolve));
  }

  /** What the node says of itself once it is up, by this pattern. */
  async told(pattern) {
    return until(`${this.name} says ${pattern}`, UP_MS, () => {
      if (this.child.exitCode !== null) throw new Error(`${this.name} ended:\n${this.said}`);
      return pattern.exec(this.said)?.[1];
    });
  }

  /** One of the daemon's commands, about this node. */
  async command(...words) {
    const flags = ['--config', this.settings, '--state-dir', this.state];
    const { stdout } = await run(this.swarm.daemon, [...flags, ...words], { env: this.env });
    return stdout;
  }

  /** Where its console is, and what stands behind the `#` for its owner. */
  async console() {
    const file = join(this.state, 'console.url');
    const address = await until(`${this.name} says where its console is`, UP_MS, () => existsSync(file) && readFileSync(file, 'utf8').trim());
    const { origin, hash } = new URL(address);
    return { url: await consoleOf(origin), api: origin, hash };
  }

  /** The nodes that it started in private swarms outlive it, and shall not outlive the tests. */
  async #leave() {
    const folder = join(this.state, 'swarms');
    const names = existsSync(folder) ? readdirSync(folder) : [];
    await Promise.all(names.map((name) => this.command('--swarm', name, 'stop').catch(() => undefined)));
  }

  async stop() {
    await this.#leave();
    this.child.stdin.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 15_000);
    await this.ended;
    clearTimeout(timer);
  }
}

/** Where a node's console is. */
export const consoleOf = (node) => (process.env.CONSOLE_DIST ? front(node) : node);

/** No node yet. */
export function emptySwarm() {
  const folder = mkdtempSync(join(tmpdir(), 'polymath-console-'));
  const swarm = {
    daemon: daemonPath(),
    assets: process.env.POLYMATH_ASSETS ?? ROOT,
    folder,
    // Of its own, so that no other run's nodes are in it.
    namespace: `console-tests-${process.pid}`,
    nodes: [],
    async stop() {
      await Promise.all(swarm.nodes.map((node) => node.stop()));
      rmSync(swarm.folder, { recursive: true, force: true });
    },
    node(name, options) {
      const node = new Node(swarm, name, options);
      swarm.nodes.push(node);
      return node;
    },
  };
  return swarm;
}

/** Up when the console's node knows all; `url` is where its console is, `api` where its node itself is. */
export async function startSwarm() {
  const swarm = emptySwarm();
  try {
    // Every task of others is audited, so that there is something to show.
    const first = swarm.node(FIRST, { settings: '[audit]\nrate = 1.0\n', more: ['--rest', '127.0.0.1:0'] });
    swarm.first = first;
    swarm.address = await first.told(/listening on (\S+)/);
    swarm.api = `http://${await first.told(/REST on (\S+)/)}`;
    swarm.url = await consoleOf(swarm.api);
    const others = readdirSync(join(swarm.assets, 'models/experts')).filter((name) => name !== FIRST);
    for (const name of others) {
      const card = join(swarm.assets, 'models/experts', name);
      const settings = name === SLOW ? `[[expert]]\ncard = "${card}"\ntokens_per_second = 3\n` : '';
      swarm.node(name, { settings, expert: name === SLOW ? null : name, more: ['--rest', 'off'] });
    }
    await until('every expert is known', UP_MS, async () => {
      const health = await (await fetch(`${swarm.url}/health`)).json();
      return health.experts > others.length;
    });
  } catch (error) {
    await swarm.stop();
    throw error;
  }
  return swarm;
}
