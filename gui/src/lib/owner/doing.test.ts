import { expect, it } from 'vitest';
import { Failure } from '../api/failure';
import { Doing, Loaded } from './doing.svelte';

const refused = new Failure('busy', 'Enough is under way.');

it('something under way is told from what has ended, and a failure goes with the next try', async () => {
  const doing = new Doing();
  const first = doing.do(() => Promise.reject(refused));
  expect(doing.working).toBe(true);
  await first;
  expect([doing.working, doing.failure]).toEqual([false, refused]);
  const second = doing.do(() => Promise.resolve());
  expect([doing.working, doing.failure]).toEqual([true, undefined]);
  await second;
  expect([doing.working, doing.failure]).toEqual([false, undefined]);
});

it('what was loaded stays when it cannot be loaded again, and the failure until it can', async () => {
  const replies = [() => Promise.resolve(1), () => Promise.reject(refused), () => Promise.resolve(2)];
  const loaded = new Loaded(() => replies.shift()!());
  await loaded.load();
  expect([loaded.value, loaded.failure]).toEqual([1, undefined]);
  await loaded.load();
  expect([loaded.value, loaded.failure]).toEqual([1, refused]);
  const last = loaded.load();
  expect([loaded.working, loaded.failure]).toEqual([false, refused]);
  await last;
  expect([loaded.value, loaded.failure]).toEqual([2, undefined]);
});
