import { expect, it } from 'vitest';
import type { CatalogModel } from '../api/owner-types';
import { divided, firstOf } from './catalog';

const model = (id: string, field: string, bytes: number, recommended: boolean): CatalogModel => ({
  id, field, bytes, recommended, description: '', repo: '', file: '', licence: '', memory_bytes: bytes, fits: recommended,
});
const MODELS = [
  model('coder-large', 'code', 9, false),
  model('coder', 'code', 3, true),
  model('talker', 'chat', 4, true),
  model('coder-small', 'code', 1, false),
];

it('those that suit the machine come first, then the others by size', () => {
  const { recommended, others } = divided(MODELS);
  expect(recommended.map((one) => one.id)).toEqual(['coder', 'talker']);
  expect(others.map((one) => one.id)).toEqual(['coder-small', 'coder-large']);
});

it('one begins with something to talk to, or with the smallest that suits', () => {
  expect(firstOf(MODELS)?.id).toBe('talker');
  expect(firstOf(MODELS.filter((one) => one.field === 'code'))?.id).toBe('coder');
  expect(firstOf([])).toBeUndefined();
});
