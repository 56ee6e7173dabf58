// Where the tasks of a plan stand: from left to right by what waits for what, laid out by dagre.

import dagre from '@dagrejs/dagre';

export interface Node {
  id: number;
  depends_on: number[];
}

export interface Placed {
  id: number;
  x: number;
  y: number;
}

export interface Layout {
  width: number;
  height: number;
  cardWidth: number;
  nodes: Placed[];
  /** Lines as SVG paths; from `null` is from the question, to `null` into the answer. */
  edges: { from: number | null; to: number | null; path: string }[];
}

export const CARD_HEIGHT = 92;
/** A card below this is unreadable; the graph scrolls instead. */
const CARD_WIDTH_MIN = 144;
const CARD_WIDTH_MAX = 340;
const GAP_ACROSS = 12;
const GAP_ALONG = 20;
/** Room for the dots of question and answer. */
const MARGIN = 20;
const DOT = 5;

/** Tasks in a row from the first to one that waits for nothing that is left. */
export function depthOf(nodes: Node[]): number {
  const known = new Map<number, number>();
  const depth = (id: number, seen: number): number => {
    const found = known.get(id);
    if (found !== undefined) return found;
    const inputs = nodes.find((node) => node.id === id)?.depends_on ?? [];
    // A plan has no cycles; a broken one may not hang the page.
    const value = seen > nodes.length ? 1 : 1 + Math.max(0, ...inputs.map((input) => depth(input, seen + 1)));
    known.set(id, value);
    return value;
  };
  return Math.max(1, ...nodes.map((node) => depth(node.id, 0)));
}

export function layOut(nodes: Node[], available: number): Layout {
  const depth = depthOf(nodes);
  const across = (available - 2 * MARGIN - (depth - 1) * GAP_ALONG) / depth;
  const cardWidth = Math.max(CARD_WIDTH_MIN, Math.min(CARD_WIDTH_MAX, Math.floor(across)));
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: GAP_ACROSS, ranksep: GAP_ALONG, marginx: MARGIN, marginy: 4 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id } of nodes) graph.setNode(String(id), { width: cardWidth, height: CARD_HEIGHT });
  const inPlan = (id: number) => nodes.some((node) => node.id === id);
  for (const { id, depends_on } of nodes) {
    for (const input of depends_on.filter(inPlan)) graph.setEdge(String(input), String(id));
  }
  dagre.layout(graph);
  const placed = nodes.map(({ id }) => {
    const { x, y } = graph.node(String(id)) as { x: number; y: number };
    return { id, x: x - cardWidth / 2, y: y - CARD_HEIGHT / 2 };
  });
  const width = Math.max(0, ...placed.map(({ x }) => x + cardWidth)) + MARGIN;
  const height = Math.max(0, ...placed.map(({ y }) => y + CARD_HEIGHT)) + 4;
  const middle = height / 2;
  const at = (id: number) => placed.find((one) => one.id === id)!;
  const entry = (id: number) => [at(id).x, at(id).y + CARD_HEIGHT / 2] as const;
  const exit = (id: number) => [at(id).x + cardWidth, at(id).y + CARD_HEIGHT / 2] as const;
  const edges: Layout['edges'] = [];
  for (const { id, depends_on } of nodes) {
    const inputs = depends_on.filter(inPlan);
    if (inputs.length === 0) edges.push({ from: null, to: id, path: curve([DOT, middle], entry(id)) });
    for (const input of inputs) edges.push({ from: input, to: id, path: curve(exit(input), entry(id)) });
    const isLast = !nodes.some((other) => other.depends_on.includes(id));
    if (isLast) edges.push({ from: id, to: null, path: curve(exit(id), [width - DOT, middle]) });
  }
  return { width, height, cardWidth, nodes: placed, edges };
}

function curve([x1, y1]: readonly [number, number], [x2, y2]: readonly [number, number]): string {
  const bend = (x2 - x1) / 2;
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}
