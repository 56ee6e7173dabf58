// A real swarm for the tests: a node process for each bundled expert, which end when this process does.

import { spawn, execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
/** An expert that takes its time, so that there is something to stop. */
const SLOW = 'dictionary';

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

/** Variables of the user's own do not reach the nodes. */
function environment(folder) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('POLYMATH_'));
  return { ...Object.fromEntries(kept), XDG_STATE_HOME: folder, XDG_CONFIG_HOME: folder };
}

class Node {
  constructor(swarm, name, { settings = '', expert = name, more = [] } = {}) {
    this.swarm = swarm;
    this.name = name;
    this.state = join(swarm.folder, name);
    mkdirSync(this.state, { recursive: true });
    this.settings = join(this.state, 'config.toml');
    writeFileSync(this.settings, settings);
    const bootstrap = swarm.address ? ['--bootstrap', swarm.address] : [];
    const flags = [
      'run', '--config', this.settings, '--state-dir', this.state, '--assets', swarm.assets, '--name', name,
      ...(expert ? ['--expert', join(swarm.assets, 'models/experts', expert)] : []),
      '--no-mdns', '--namespace', 'console-tests', '--listen', '/ip4/127.0.0.1/udp/0/quic-v1',
      '--grpc', 'off', '--ws', 'off', '--until-stdin-closes', ...bootstrap, ...more,
    ];
    this.said = '';
    this.child = spawn(swarm.daemon, flags, { env: environment(swarm.folder), stdio: ['pipe', 'pipe', 'pipe'] });
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
    const { stdout } = await run(this.swarm.daemon, [...flags, ...words], { env: environment(this.swarm.folder) });
    return stdout;
  }

  async stop() {
    this.child.stdin.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 15_000);
    await this.ended;
    clearTimeout(timer);
  }
}

/** Where a node's console is. */
export const consoleOf = (node) => (process.env.CONSOLE_DIST ? front(node) : node);

/** Up when the console's node knows all; `url` is where its console is, `api` where its node itself is. */
export async function startSwarm() {
  const swarm = {
    daemon: daemonPath(),
    assets: process.env.POLYMATH_ASSETS ?? ROOT,
    folder: mkdtempSync(join(tmpdir(), 'polymath-console-')),
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
      const settings = name === SLOW ? `[[expert]]\ncard = "${card}"\ntokens_per_second = 2\n` : '';
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
