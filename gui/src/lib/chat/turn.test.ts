import { describe, expect, it } from 'vitest';
import type { Contender, Task } from '../api/schema';
import { Failure } from '../api/failure';
import { end, isOpen, messagesOf, newTurn, speedOf, take, type Turn } from './turn';

const wishes = { model: 'swarm', private: false, local: false };
const factors = { claim: 1, good: 0, bad: 0, competence: 0.9, coverage: 1, trust: 1, availability: 1 };
const expert = (id: string) => ({ id, peer_id: `peer-${id}`, model_sha256: 'ab' });
const contender = (id: string, score: number): Contender => ({ expert: expert(id), score, factors, fits: true });
const task = (id: number, extra: Partial<Task> = {}): Task => ({
  choice: 0, id, text: `task ${id}`, depends_on: [], candidates: [contender('a', 0.9), contender('b', 0.4)], status: 'planned',
  answer: '', detail: '', dropped_messages: 0, completion_tokens: 0, ...extra,
});
const note = (polymath: unknown) => ({ choices: [{ index: 0, delta: {} }], polymath });
const text = (content: string) => ({ choices: [{ index: 0, delta: { content } }] });
const asked = (): Turn => newTurn('t', 'what?', wishes, 1_000);

describe('a turn', () => {
  it('follows the stream from the plan to the answer', () => {
    const turn = asked();
    take(turn, { choices: [{ index: 0, delta: { role: 'assistant' } }] }, 1);
    expect(turn.status).toBe('asking');
    take(turn, note({ type: 'plan', choice: 0, plan: { tasks: [task(1), task(2, { depends_on: [1] })] } }), 2);
    take(turn, note({ type: 'loading', choice: 0, task: 1, expert: expert('b'), percent: 43 }), 3);
    expect(turn.tasks[0]).toMatchObject({ status: 'planned', loading: 43 });
    take(turn, note({ type: 'started', choice: 0, task: 1, text: 'task one', expert: expert('b') }), 3);
    expect(turn.tasks[0]?.loading).toBeUndefined();
    expect(turn.tasks[0]).toMatchObject({ status: 'running', text: 'task one', score: 0.4, startedAt: 3 });
    take(turn, note({ type: 'started', choice: 0, task: 1, text: 'task one', expert: expert('a'), kept_tokens: 2 }), 4);
    expect(turn.tasks[0]).toMatchObject({ handedOver: 1, score: 0.9, startedAt: 3 });
    take(turn, text('Li'), 5);
    take(turn, text('ma'), 5);
    take(turn, note({ type: 'finished', choice: 0, task: task(1, { status: 'done', answer: 'Lima' }) }), 6);
    expect(turn.tasks[0]).toMatchObject({ status: 'done', answer: 'Lima', handedOver: 1 });
    take(turn, note({ type: 'answered', choice: 0, timings_ms: { embed: 1, plan: 1, route: 1, total: 9 } }), 7);
    end(turn);
    expect(turn).toMatchObject({ status: 'done', answer: 'Lima', timings: { total: 9 } });
    expect(isOpen(turn)).toBe(false);
  });

  it('tells a stop from a failure, and leaves nothing running', () => {
    const stopped = asked();
    take(stopped, note({ type: 'plan', choice: 0, plan: { tasks: [task(1)] } }), 2);
    take(stopped, note({ type: 'started', choice: 0, task: 1, text: 'x', expert: expert('a') }), 3);
    end(stopped, new Failure('cancelled', ''));
    expect(stopped.status).toBe('stopped');
    expect(stopped.tasks[0]?.status).toBe('skipped');
    const failed = asked();
    expect(() => take(failed, { error: { code: 'busy', message: 'later', type: 'x' } }, 1)).toThrow('later');
    end(failed, new Failure('busy', 'later'));
    expect(failed).toMatchObject({ status: 'failed', failure: { code: 'busy', message: 'later' } });
  });

  it('ignores what it does not know', () => {
    const turn = asked();
    take(turn, note({ type: 'finished', choice: 0, task: task(9) }), 1);
    take(turn, note({ type: 'dance' }), 1);
    take(turn, { choices: [] , usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } }, 1);
    expect(turn.usage?.total_tokens).toBe(3);
  });
});

describe('what goes along with a question', () => {
  it('is what was said before it, without what failed', () => {
    const said = (id: string, status: Turn['status'], answer: string) => ({ ...newTurn(id, `q${id}`, wishes, 0), status, answer });
    const turns = [said('1', 'done', 'one'), said('2', 'failed', 'half'), said('3', 'stopped', 'three'), asked()];
    expect(messagesOf(turns, turns[3]!).map((m) => m.content)).toEqual(['q1', 'one', 'q3', 'three', 'what?']);
    expect(messagesOf(turns, turns[0]!).map((m) => m.content)).toEqual(['q1']);
  });

  it('has an end', () => {
    const long = { ...newTurn('1', 'q', wishes, 0), status: 'done' as const, answer: 'x'.repeat(30_000) };
    expect(messagesOf([long, asked()], asked())).toHaveLength(1);
  });
});

describe('speed', () => {
  it('is told only of what ended', () => {
    expect(speedOf({ completion_tokens: 0, total_ms: null })).toBeNull();
    expect(speedOf({ completion_tokens: 20, total_ms: 100 })).toBe(200);
  });
});
