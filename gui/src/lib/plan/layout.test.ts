import { expect, it } from 'vitest';
import { CARD_HEIGHT, depthOf, layOut } from './layout';

const plan = [
  { id: 1, depends_on: [] },
  { id: 2, depends_on: [1] },
  { id: 3, depends_on: [] },
];

it('what waits stands to the right of what it waits for, and nothing overlaps', () => {
  const { nodes, cardWidth, width, height, edges } = layOut(plan, 420);
  const [a, b, c] = nodes;
  expect(b!.x).toBeGreaterThanOrEqual(a!.x + cardWidth);
  for (const [one, other] of [[a!, c!], [b!, c!]] as const) {
    expect(Math.abs(one.y - other.y) >= CARD_HEIGHT || Math.abs(one.x - other.x) >= cardWidth).toBe(true);
  }
  for (const node of nodes) {
    expect(node.x).toBeGreaterThanOrEqual(0);
    expect(node.x + cardWidth).toBeLessThanOrEqual(width);
    expect(node.y + CARD_HEIGHT).toBeLessThanOrEqual(height);
  }
  expect(edges.map(({ from, to }) => [from, to])).toEqual([[null, 1], [1, 2], [2, null], [null, 3], [3, null]]);
});

it('a single task takes the room there is, and no plan is no graph', () => {
  expect(layOut([plan[0]!], 380).cardWidth).toBe(340);
  expect(layOut([], 380)).toMatchObject({ nodes: [], edges: [] });
});

it('a broken plan hangs nobody', () => {
  expect(depthOf([{ id: 1, depends_on: [2] }, { id: 2, depends_on: [1] }])).toBeGreaterThan(0);
  expect(layOut([{ id: 1, depends_on: [7] }], 300).edges).toHaveLength(2);
});
