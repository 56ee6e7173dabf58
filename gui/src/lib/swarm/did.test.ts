import { expect, it } from 'vitest';
import { didOf, peerIdOf } from './did';

it('both names of a key lead to each other', () => {
  // The key of 32 zeros but for the last, and one of the specification's (did:key, Ed25519).
  const did = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK';
  const peer = peerIdOf(did);
  expect(peer).toMatch(/^12D3KooW/);
  expect(didOf(peer!)).toBe(did);
});

it('what is no name has no other', () => {
  for (const text of ['', '0', 'Qmabc', '12D3KooW', '1'.repeat(60)]) expect(didOf(text)).toBeNull();
  for (const text of ['', 'did:key:z', 'did:web:example.org', 'did:key:z6Mk']) expect(peerIdOf(text)).toBeNull();
});
