import { expect, it } from 'vitest';
import { Meter } from './pace';

it('tells the speed of the last seconds, and what is left of the time', () => {
  const meter = new Meter();
  expect(meter.take(0, 0, 10_000)).toEqual({ speed: null, left_ms: null });
  expect(meter.take(500, 500, 10_000)).toEqual({ speed: null, left_ms: null });
  expect(meter.take(1_000, 1_000, 10_000)).toEqual({ speed: 1_000, left_ms: 9_000 });
  expect(meter.take(10_000, 1_000, 10_000)).toEqual({ speed: null, left_ms: null });
  expect(meter.take(11_000, 1_000, 10_000)).toEqual({ speed: 0, left_ms: null });
  expect(meter.take(12_000, 3_000, 10_000)).toEqual({ speed: 1_000, left_ms: 7_000 });
});
