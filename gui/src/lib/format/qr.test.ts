import { encode } from 'uqr';
import { expect, it } from 'vitest';
import { pathOf } from './qr';

it('dark modules become squares, joined along a row', () => {
  expect(pathOf([[true, true, false, true], [false, false, false, false], [false, true, false, false]])).toBe(
    'M0 0h2v1h-2zM3 0h1v1h-1zM1 2h1v1h-1z',
  );
});

it('an invitation with eight addresses fits into a code', () => {
  const code = encode(`polymath1:${'aZ9-'.repeat(250)}`, { ecc: 'L', border: 4 });
  expect(code.size).toBeGreaterThan(100);
  expect(pathOf(code.data)).toMatch(/^M4 4h7v1h-7z/);
});
