import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { generate } from '../../../scripts/types.mjs';

it('the types are those of the OpenAPI document; if not: npm run types', () => {
  expect(readFileSync(new URL('./schema.ts', import.meta.url), 'utf8')).toBe(generate());
});
