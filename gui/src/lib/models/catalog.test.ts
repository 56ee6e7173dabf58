import { expect, it } from 'vitest';
import type { CatalogModel } from '../api/owner-types';
import { divided, firstOf } from './catalog';

const model = (id: string, field: string, bytes: number, recommended: boolean, fits = recommended): CatalogModel => ({
  id, field, bytes, recommended, description: '', repo: '', file: '', licence: '', memory_bytes: bytes, fits,
});
const MODELS = [
  model('coder-large', 'code', 9, false),
  model('coder', 'code', 3, true),
  model('talker', 'chat', 4, true),
  model('coder-small', 'code', 1, false, true),
  model('talker-small', 'chat', 2, false, true),
  model('talker-tiny', 'chat', 1, false, false),
];

it('those that suit the machine come first, then the others by size', () => {
  const { recommended, others } = divided(MODELS);
  expect(recommended.map((one) => one.id)).toEqual(['coder', 'talker']);
  expect(others.map((one) => one.id)).toEqual(['coder-small', 'talker-tiny', 'talker-small', 'coder-large']);
});

it('one begins with the smallest to talk to, or with the smallest that suits', () => {
  expect(firstOf(MODELS)?.id).toBe('talker-small');
  expect(firstOf(MODELS.filter((one) => one.field === 'code'))?.id).toBe('coder');
  expect(firstOf([])).toBeUndefined();
});
