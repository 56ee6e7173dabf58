// A question with its answer, as the stream tells it. Pure: time comes in as an argument.

import { Failure, isErrorBody } from '../api/failure';
import type { ChatChunk, Task, Timings, Usage } from '../api/schema';

export type TaskStatus = 'planned' | 'running' | 'done' | 'failed' | 'no_expert' | 'skipped';

/** A task of the plan, as it stands. */
export interface TaskView extends Omit<Task, 'status'> {
  status: TaskStatus;
  /** When an expert took it, milliseconds since 1970. */
  startedAt?: number;
  /** Per cent of its expert's model that are loaded, while it waits for that. */
  loading?: number;
  /** How often an expert broke off and another went on. */
  handedOver: number;
}

export type TurnStatus = 'asking' | 'answering' | 'done' | 'stopped' | 'failed';

/** What the user chose for a question. */
export interface Wishes {
  /** `swarm`, `swarm:N` or `expert:ID`. */
  model: string;
  /** Veil what leaves this node. */
  private: boolean;
  /** Only experts on this node. */
  local: boolean;
}

export interface Turn {
  id: string;
  question: string;
  wishes: Wishes;
  answer: string;
  status: TurnStatus;
  tasks: TaskView[];
  askedAt: number;
  timings?: Timings;
  usage?: Usage;
  failure?: { code: string; message: string };
}

export function newTurn(id: string, question: string, wishes: Wishes, now: number): Turn {
  return { id, question, wishes, answer: '', status: 'asking', tasks: [], askedAt: now };
}

export function isOpen(turn: Turn): boolean {
  return turn.status === 'asking' || turn.status === 'answering';
}

/** Takes one chunk of the stream; throws what the daemon says went wrong. */
export function take(turn: Turn, chunk: unknown, now: number): void {
  if (isErrorBody(chunk)) throw new Failure(chunk.error.code, chunk.error.message);
  const { choices, polymath, usage } = chunk as ChatChunk;
  const text = choices[0]?.delta.content ?? '';
  if (text) {
    turn.answer += text;
    turn.status = 'answering';
  }
  if (usage) turn.usage = usage;
  if (!polymath) return;
  switch (polymath.type) {
    case 'plan':
      turn.tasks = polymath.plan.tasks.map((task) => ({ ...task, status: 'planned', handedOver: 0 }));
      break;
    case 'loading': {
      const task = turn.tasks.find((one) => one.id === polymath.task);
      if (task) Object.assign(task, { expert: polymath.expert, loading: polymath.percent });
      break;
    }
    case 'started': {
      const task = turn.tasks.find((one) => one.id === polymath.task);
      if (!task) break;
      // A second `started` of a running task: its expert broke off, or is overtaken by another.
      if (task.status === 'running') task.handedOver += 1;
      Object.assign(task, { status: 'running', text: polymath.text, startedAt: task.startedAt ?? now, loading: undefined });
      const chosen = task.candidates.find(
        (one) => one.expert.id === polymath.expert.id && one.expert.peer_id === polymath.expert.peer_id,
      );
      Object.assign(task, { expert: polymath.expert, score: chosen?.score ?? task.score, factors: chosen?.factors ?? task.factors });
      break;
    }
    case 'finished': {
      const at = turn.tasks.findIndex((one) => one.id === polymath.task.id);
      const before = turn.tasks[at];
      if (before) turn.tasks[at] = { ...before, ...polymath.task, status: polymath.task.status as TaskStatus };
      break;
    }
    case 'answered':
      turn.timings = polymath.timings_ms;
      break;
  }
}

/** Ends a turn: as it should, or because it was stopped or failed. Tasks that still run never end. */
export function end(turn: Turn, failure?: Failure): void {
  if (!failure) turn.status = 'done';
  else if (failure.code === 'cancelled') turn.status = 'stopped';
  else {
    turn.status = 'failed';
    turn.failure = { code: failure.code, message: failure.message };
  }
  for (const task of turn.tasks) {
    if (task.status === 'running' || task.status === 'planned') task.status = failure ? 'skipped' : task.status;
  }
}

/** Tokens a second of a task that ended, from its first token on; null where that cannot be told. */
export function speedOf(task: Pick<Task, 'completion_tokens' | 'total_ms'>): number | null {
  if (!task.total_ms || task.completion_tokens < 1) return null;
  return (task.completion_tokens * 1000) / task.total_ms;
}

/** Characters of earlier turns that go along with a question: well below what a request may carry. */
const HISTORY_CHARACTERS_MAX = 24_000;

/** The conversation as the API takes it: earlier turns, the oldest left out if there are too many, and the question. */
export function messagesOf(turns: Turn[], asked: Turn): { role: 'user' | 'assistant'; content: string }[] {
  const messages: { role: 'user' | 'assistant'; content: string }[] = [{ role: 'user', content: asked.question }];
  let room = HISTORY_CHARACTERS_MAX;
  const earlier = turns.slice(0, Math.max(0, turns.findIndex((one) => one.id === asked.id)));
  for (const turn of earlier.reverse()) {
    if (!turn.answer || turn.status === 'failed') continue;
    room -= turn.question.length + turn.answer.length;
    if (room < 0) break;
    messages.unshift({ role: 'user', content: turn.question }, { role: 'assistant', content: turn.answer });
  }
  return messages;
}
