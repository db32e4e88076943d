/** What the audit log tells of itself, each set to 0 at the start. */
import { Counter, Gauge, type Registry } from '../../platform/metrics.ts';

export interface AuditMetrics {
  checkpointSigned(): void;
  /** Chains that this process has found broken since it started, and not whole again. */
  brokenChains(count: number): void;
  exported(events: number): void;
  exportFailed(): void;
}

export function createAuditMetrics(registry: Registry): AuditMetrics {
  const registers = [registry];
  const checkpoints = new Counter({
    name: 'okcm_cmk_audit_checkpoints_total',
    help: 'Checkpoints of audit chains that were signed',
    registers,
  });
  const broken = new Gauge({
    name: 'okcm_cmk_audit_chains_broken',
    help: 'Audit chains that were found changed, removed from or cut off',
    registers,
  });
  broken.set(0);
  const exported = new Counter({
    name: 'okcm_cmk_audit_exported_total',
    help: 'Audit events that the OTLP endpoint has taken',
    registers,
  });
  const failures = new Counter({
    name: 'okcm_cmk_audit_export_failures_total',
    help: 'Requests with audit events that the OTLP endpoint has not taken; they are sent again',
    registers,
  });
  return {
    checkpointSigned: () => checkpoints.inc(),
    brokenChains: (count) => broken.set(count),
    exported: (events) => exported.inc(events),
    exportFailed: () => failures.inc(),
  };
}
