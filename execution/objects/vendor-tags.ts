/**
 * The vendor tags of this project (KMIP 1.4 §9.1.3.1: 540000–54FFFF are Extensions), in one place so that none is
 * given twice. Where the specification has a tag for a thing, that one is used and none stands here.
 * A number, once given, is never given again: stored objects carry them.
 */
export const VendorTag = {
  ManagedObject: 0x540001,
  Tenant: 0x540002,
  Service: 0x540003,
  KeyEnvelope: 0x540004,
  Revision: 0x540005,
  MaterialDigest: 0x540006,
  Subtype: 0x540007,

  Caller: 0x540010,
  CallerFingerprint: 0x540011,
  Application: 0x540012,
  TunnelledMessage: 0x540013,
  CorrelationId: 0x540014,
  ItemIndex: 0x540015,
  ItemSelection: 0x540016,

  Push: 0x540020,
  PushNumber: 0x540021,
  PushKind: 0x540022,
  Identity: 0x540023,
  PermittedOperations: 0x540024,
  PermittedOperation: 0x540025,
  IssuerFingerprint: 0x540026,
  CertificatePem: 0x540027,
  Epoch: 0x540028,

  AnnounceOutcome: 0x540030,
  OutcomeCode: 0x540031,
  OutcomeReason: 0x540032,

  RecipientPublicKey: 0x540040,
  AppliedHead: 0x540041,
  Head: 0x540042,
  LeasedVersion: 0x540043,
  KeyVersion: 0x540044,
  LeasedUse: 0x540045,
  EncapsulatedKey: 0x540046,
  SealedKey: 0x540047,
  TtlMs: 0x540048,
  GraceMs: 0x540049,
  LeaseRefusal: 0x54004a,
  Lease: 0x54004b,
  Backlog: 0x54004c,

  After: 0x540050,
  Snapshot: 0x540051,
  More: 0x540052,

  AuditEvent: 0x540060,
  AuditId: 0x540061,
  AuditAt: 0x540062,
  AuditName: 0x540063,
  AuditOutcome: 0x540064,
  AuditReason: 0x540065,
  AuditTenant: 0x540066,
  AuditApplication: 0x540067,
  AuditFingerprint: 0x540068,
  AuditOperation: 0x540069,
  AuditUid: 0x54006a,
  AuditPeer: 0x54006b,
  AuditCorrelationId: 0x54006c,
} as const;
