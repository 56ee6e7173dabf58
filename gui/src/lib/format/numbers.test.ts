import { expect, it } from 'vitest';
import { ago, bytes, credits, duration, head, milliseconds, nats, tail } from './numbers';

it('numbers read well', () => {
  expect([0.4, 12.4, 999, 1_500, 61_000].map(milliseconds)).toEqual(['<1 ms', '12 ms', '999 ms', '1.5 s', '1 min']);
  expect([5_000, 3_600_000, 90_061_000].map(duration)).toEqual(['5 s', '1 h', '1 d 1 h']);
  expect([0, 1, -2_500_000].map(credits)).toEqual(['0', '0.000001', '-2.5']);
  expect([0, 1_023, 1_536, 300 * 1_024 ** 2].map(bytes)).toEqual(['0 B', '1023 B', '1.5 KB', '300 MB']);
  expect([0, 0.00001, 0.1534].map(nats)).toEqual(['0', '1.0e-5', '0.15']);
  expect([ago(0, 30_000), ago(0, 7_200_000), ago(50, 0)]).toEqual(['30s ago', '2h ago', 'now']);
  expect([tail('12D3KooWabcdefgh'), tail('short'), head('0123456789')]).toEqual(['…abcdefgh', 'short', '01234567…']);
});
