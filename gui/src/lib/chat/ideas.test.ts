import { expect, it } from 'vitest';
import { ideasFor, ideasOf } from './ideas';

it('there are ideas for bundled experts, and none that wants one that is missing', () => {
  expect(ideasFor([{ id: 'geography' }])).toEqual(['What is the capital of Norway?']);
  expect(ideasFor([{ id: 'coder' }])).toEqual([]);
});

it('of others the cards are asked, in turn', () => {
  expect(ideasOf([['a', 'b', 'c'], ['x'], ['a', 'y']])).toEqual(['a', 'x', 'b', 'y']);
  expect(ideasOf([])).toEqual([]);
});
