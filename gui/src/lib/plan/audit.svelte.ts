// What audits say of who did a task. Which audit was of which task is not told, so it is the expert's record.

import type { TaskView } from '../chat/turn';
import { directory } from '../swarm/directory.svelte';

export type AuditMark = 'pass' | 'fail' | 'inconclusive' | 'own';

export function auditOf(task: TaskView): AuditMark | undefined {
  const { expert } = task;
  if (!expert || task.status !== 'done') return undefined;
  if (expert.peer_id === directory.own) return 'own';
  const record = directory.reputation.find(
    (one) => one.peer_id === expert.peer_id && one.model_sha256 === expert.model_sha256,
  );
  return record && record.honesty.audits > 0 ? (record.honesty.finding as AuditMark) : undefined;
}
