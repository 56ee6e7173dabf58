import { expect, it } from 'vitest';
import { detailsOf, isAtLeast, messageOf } from './lines';

const line = {
  timestamp: '2026-11-26T16:00:00.000000Z', level: 'INFO', target: 'polymath::node',
  fields: { message: 'up', peers: 3 }, span: { name: 'rest', id: 'req_1' },
};

it('a line says its message, and what belongs to it', () => {
  expect([messageOf(line), detailsOf(line)]).toEqual(['up', 'id=req_1 peers=3']);
  expect(messageOf({ ...line, fields: {} })).toBe('polymath::node');
});

it('levels are told apart', () => {
  expect(['ERROR', 'WARN', 'INFO', 'DEBUG', 'odd'].map((level) => isAtLeast(level, 'WARN'))).toEqual([true, true, false, false, true]);
});
