import { expect, it } from 'vitest';
import type { SwarmExpert } from '../api/schema';
import { mapOf, radiusOf } from './map';

const expert = (id: string, peer_id: string) => ({ id, peer_id }) as SwarmExpert;

it('everybody has a spot of their own, this node in the middle', () => {
  const experts = Array.from({ length: 40 }, (_, index) => expert(`e${index}`, `p${index % 12}`));
  const { spots, lines, box } = mapOf('p0', ['p1', 'far'], experts);
  expect(spots).toHaveLength(13 + 40);
  expect(lines).toHaveLength(12 + 40);
  expect(spots.find((spot) => spot.key === 'p0')).toMatchObject({ x: 0, y: 0 });
  for (const [at, one] of spots.entries()) {
    expect(one.x).toBeGreaterThan(box[0]);
    expect(one.x).toBeLessThan(box[0] + box[2]);
    for (const other of spots.slice(at + 1)) {
      expect(Math.hypot(one.x - other.x, one.y - other.y)).toBeGreaterThan(Math.min(radiusOf(one), radiusOf(other)));
    }
  }
});

it('a node alone is a map too', () => {
  expect(mapOf('me', [], []).spots).toHaveLength(1);
});
