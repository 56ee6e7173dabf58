import { expect, it } from 'vitest';
import { keyIn } from './fragment';

it('a key is taken from the address that `daemon console` opens, and from no other', () => {
  expect(keyIn('#key=pmk_owner_Ab-9_x')).toBe('pmk_owner_Ab-9_x');
  for (const other of ['', '#/chat', '#key=', '#key=pmk_abc_def', '#key=pmk_owner_a/b', '#/key=pmk_owner_a', '#key=pmk_owner_a&x=1']) {
    expect(keyIn(other)).toBeUndefined();
  }
});
