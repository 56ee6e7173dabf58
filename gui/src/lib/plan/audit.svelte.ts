// What audits say of a task: of this very task if it was audited, else of its expert in general.

import type { TaskView } from '../chat/turn';
import { audits } from '../swarm/audits.svelte';
import { directory } from '../swarm/directory.svelte';

export type AuditMark = 'pass' | 'fail' | 'inconclusive' | 'own';

export function auditOf(task: TaskView): AuditMark | undefined {
  const { expert } = task;
  if (!expert || task.status !== 'done') return undefined;
  if (expert.peer_id === directory.own) return 'own';
  const own = audits.of(task.task_id);
  if (own) return own.outcome === 'honest' ? 'pass' : own.outcome === 'doubtful' || own.outcome === 'withheld' ? 'inconclusive' : 'fail';
  const record = directory.reputation.find(
    (one) => one.peer_id === expert.peer_id && one.model_sha256 === expert.model_sha256,
  );
  return record && record.honesty.audits > 0 ? (record.honesty.finding as AuditMark) : undefined;
}
