import { expect, test } from 'vitest';
import { limits } from './limits';

test('limits are told in words, with the setting that sets them', () => {
  const shown = limits({
    ask: { questions: 64, deadline_ms: 120_000, experts: 8, max_tokens: 1024 },
    node: { model_memory_mb: 0 },
    audit: { rate: 0.05 },
    expert: [{ card: '/models/chemistry/card.toml', slots: 4, queue: 16, tokens_per_second: null }, { id: 'mine', slots: 1 }, { card: 'models/words', slots: 2 }],
  });
  const told = Object.fromEntries(shown.map(({ setting, label, value }) => [`${setting} ${label}`, value]));
  expect(Object.keys(told).length).toBe(10);
  expect(shown.find(({ setting }) => setting === 'audit.rate')?.value).toBe('5%');
  expect(shown.find(({ setting }) => setting === 'node.model_memory_mb')?.value).toBe('no limit');
  expect(shown.filter(({ setting }) => setting === 'expert.slots').map(({ label }) => label)).toEqual([
    'Tasks at once for chemistry', 'Tasks at once for mine', 'Tasks at once for words',
  ]);
});

test('what is not there or is something else is left out', () => {
  expect(limits({})).toEqual([]);
  expect(limits({ ask: 'x', node: { model_memory_mb: '5' }, expert: 'y' })).toEqual([]);
});
