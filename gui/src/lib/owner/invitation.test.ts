import { expect, it } from 'vitest';
import { invitationIn } from './invitation';

it('an invitation is found in what people paste', () => {
  expect(invitationIn(' polymath1:3yZ9k\n')).toBe('polymath1:3yZ9k');
  expect(invitationIn('polymath1:3yZ9k\n  Abc\r\nxyz')).toBe('polymath1:3yZ9kAbcxyz');
  expect(invitationIn('Here it is: polymath1:3yZ9k, see you')).toBe('polymath1:3yZ9k');
});

it('nothing else is one', () => {
  for (const other of ['', 'polymath1:', 'polymath2:3yZ9k', 'family']) expect(invitationIn(other)).toBeUndefined();
});
