import { expect, it } from 'vitest';
import { href, parse } from './route.svelte';

it('an address leads where it was made for', () => {
  for (const rest of [[], ['a'], ['peers', 'x/y z%']]) expect(parse(href('swarm', ...rest))).toEqual({ view: 'swarm', rest });
});

it('an address that leads nowhere leads to the chat', () => {
  for (const hash of ['', '#', '#/', '#/nowhere', '#nonsense', '#/%E0%A4%A']) expect(parse(hash).view).toBe('chat');
});
