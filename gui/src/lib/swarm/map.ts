// Where nodes and experts stand on the map: forces of d3, run to their end, so that the picture is still.

import { forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY, type SimulationNodeDatum } from 'd3-force';
import type { SwarmExpert } from '../api/schema';

export interface Spot extends SimulationNodeDatum {
  key: string;
  /** A node, or an expert on one. */
  kind: 'node' | 'expert';
  peer: string;
  expert?: SwarmExpert;
  x: number;
  y: number;
  /** Whether its name stands above it: where none of its lines to an expert, or from its node, leads. */
  namedAbove: boolean;
}

export interface Line {
  key: string;
  from: Spot;
  to: Spot;
  kind: 'hosts' | 'knows';
}

export interface SwarmMap {
  spots: Spot[];
  lines: Line[];
  /** Left, top, width, height of all of it. */
  box: [number, number, number, number];
}

/** Steps after which d3's forces have come to rest. */
const STEPS = 300;
const EXPERT_RADIUS = 17;
const NODE_RADIUS = 7;
const LABEL_ROOM = 46;
export const radiusOf = (spot: Spot) => (spot.kind === 'expert' ? EXPERT_RADIUS : NODE_RADIUS);

/** `own` in the middle, each node near it, its experts around it; about `wider` times as wide as high. */
export function mapOf(own: string, peers: string[], experts: SwarmExpert[], wider = 1.6): SwarmMap {
  const hosts = [...new Set([own, ...peers, ...experts.map((one) => one.peer_id)])];
  const spots: Spot[] = hosts.map((peer, index) => ({ key: peer, kind: 'node', peer, namedAbove: true, ...start(index, 90) }));
  spots.push(
    ...experts.map((expert, index): Spot => {
      const key = `${expert.id} ${expert.peer_id}`;
      return { key, kind: 'expert', peer: expert.peer_id, expert, namedAbove: false, ...start(index, 150) };
    }),
  );
  const host = new Map(spots.filter((spot) => spot.kind === 'node').map((spot) => [spot.peer, spot]));
  const centre = host.get(own)!;
  Object.assign(centre, { fx: 0, fy: 0 });
  const lines: Line[] = [];
  for (const spot of spots) {
    const other = spot.kind === 'expert' ? host.get(spot.peer)! : centre;
    if (spot !== other) lines.push({ key: `${spot.key}>${other.key}`, from: other, to: spot, kind: spot.kind === 'expert' ? 'hosts' : 'knows' });
  }
  forceSimulation(spots)
    .force('link', forceLink(lines.map(({ from, to, kind }) => ({ source: from, target: to, kind })))
      .distance((link) => ((link as unknown as Line).kind === 'hosts' ? 44 : 105)).strength(0.7))
    .force('apart', forceManyBody().strength(-230))
    .force('room', forceCollide<Spot>((spot) => radiusOf(spot) + (spot.kind === 'expert' ? LABEL_ROOM / 2 : 8)))
    .force('x', forceX(0).strength(0.03 * Math.max(1, 2 / wider)))
    .force('y', forceY(0).strength(0.03 * Math.max(1, 2 * wider)))
    .stop()
    .tick(STEPS);
  for (const { from, to, kind } of lines) {
    if (kind !== 'hosts') continue;
    to.namedAbove = to.y < from.y;
    from.namedAbove = !to.namedAbove;
  }
  return { spots, lines, box: boxOf(spots) };
}

/** On a spiral, the same for the same swarm. */
function start(index: number, radius: number): { x: number; y: number } {
  const turn = index * 2.399963;
  const reach = radius * Math.sqrt(index + 0.5);
  return { x: Math.cos(turn) * reach, y: Math.sin(turn) * reach };
}

function boxOf(spots: Spot[]): [number, number, number, number] {
  const [xs, ys] = [spots.map((spot) => spot.x), spots.map((spot) => spot.y)];
  const [left, right] = [Math.min(...xs) - 60, Math.max(...xs) + 60];
  const [top, bottom] = [Math.min(...ys) - LABEL_ROOM, Math.max(...ys) + LABEL_ROOM];
  return [left, top, right - left, bottom - top];
}
