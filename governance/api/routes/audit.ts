/** The audit log: reading it, checking and signing its chains, exporting them, and what regions say of their own trails. */
import { Type } from 'typebox';
import { auditClasses } from '../../../contracts/index.ts';
import { Checkpoint } from '../../../platform/chain-checkpoints.ts';
import { type ChainFaultKind, chainFaults, describeFault } from '../../../platform/hash-chain.ts';
import { listCheckpoints, listKeys } from '../../audit/checkpoints.ts';
import { chainOf } from '../../audit/event.ts';
import { exportChain } from '../../audit/export.ts';
import { auditFormatNames, auditFormats } from '../../audit/formats.ts';
import { listAudit } from '../../audit/read.ts';
import { audit } from '../../audit/record.ts';
import { regionTrails } from '../../audit/regions.ts';
import { verifyChain } from '../../audit/verify.ts';
import { requireTenant } from '../../domain/lookups.ts';
import { CmkError } from '../../errors.ts';
import { MAX_EXPORT_EVENTS } from '../../limits.ts';
import { asTenant } from '../../store/transactions.ts';
import { actorOf, type Routes } from '../api.ts';
import * as schemas from '../schemas.ts';

const Text = Type.String();
const Position = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });
const ChainQuery = Type.Object(schemas.AuditChain, schemas.closed);

const Fault = Type.Object(
  {
    kind: Type.Enum(Object.keys(chainFaults) as ChainFaultKind[]),
    sequence: Type.Integer(),
    to: Type.Optional(Type.Integer({ description: 'The last of a run of missing events' })),
    with: Type.Optional(Type.Integer({ description: 'The other of two that were swapped' })),
  },
  schemas.closed,
);
const Verdict = Type.Object(
  {
    ok: Type.Boolean(),
    complete: Type.Boolean({ description: 'False: go on with after = events and hash = head' }),
    events: Type.Integer({ description: 'The last event that was looked at' }),
    head: Type.String({ description: 'Its hash' }),
    brokenAt: Type.Optional(Type.Integer()),
    faults: Type.Array(Fault),
    faultCount: Type.Integer(),
  },
  schemas.closed,
);
const VerifyQuery = Type.Object(
  { ...schemas.AuditChain, after: Type.Optional(Position), hash: Type.Optional(Hash) },
  schemas.closed,
);
const ExportQuery = Type.Object(
  {
    ...schemas.AuditChain,
    format: Type.Enum(auditFormatNames),
    after: Type.Optional(Position),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_EXPORT_EVENTS })),
  },
  schemas.closed,
);
const Key = Type.Object({ keyId: Text, publicKey: Text, since: schemas.Instant }, schemas.closed);
const Trails = Type.Object(
  {
    regions: Type.Array(
      Type.Object(
        {
          region: Text,
          instance: Type.String({ description: 'The core that said so' }),
          checkpoint: Checkpoint,
          fault: schemas.nullable(Type.Enum(['REWOUND', 'REWRITTEN', 'CHECKPOINT_FORGED'])),
          faultAt: schemas.nullable(schemas.Instant),
        },
        schemas.closed,
      ),
    ),
    counts: Type.Array(
      Type.Object(
        {
          region: Text,
          class: Type.Enum([...auditClasses]),
          outcome: Type.Enum(['success', 'refused', 'failed']),
          events: Type.Integer(),
          lastAt: schemas.Instant,
        },
        schemas.closed,
      ),
    ),
  },
  schemas.closed,
);

export const auditRoutes: Routes = (app, cmk) => {
  app.get(
    '/v1/audit',
    {
      config: { permission: 'audit.read' },
      schema: {
        summary: "A tenant's events, or without a tenant the platform's; newest first",
        querystring: schemas.AuditQuery,
        response: { 200: schemas.pageOf(schemas.AuditEvent) },
      },
    },
    (request) => {
      const { tenant, limit, cursor, ...filter } = request.query;
      return listAudit(cmk, tenant, filter, {
        ...(limit === undefined ? {} : { limit }),
        ...(cursor === undefined ? {} : { cursor }),
      });
    },
  );
  app.get(
    '/v1/audit/verify',
    {
      config: { permission: 'audit.verify' },
      schema: {
        summary: 'Recompute the chain from an event on, beside its head and its checkpoints',
        querystring: VerifyQuery,
        response: { 200: Verdict },
      },
    },
    (request) => {
      const { tenant, after, hash } = request.query;
      if ((after === undefined) !== (hash === undefined))
        throw new CmkError('INVALID_REQUEST', 'after and hash go together');
      const from = after === undefined || hash === undefined ? undefined : { after, hash };
      return verifyChain(cmk.db, cmk.audit.signer, tenant, from);
    },
  );
  app.get(
    '/v1/audit/export',
    {
      config: { permission: 'audit.export' },
      schema: {
        summary: 'The chain from an event on, as lines for other systems',
        description:
          'x-okcm-audit-last: the last event of the answer, to be sent as after. x-okcm-audit-more: whether there is more. ' +
          'x-okcm-audit-head: the number and the hash of the last event of the chain.',
        produces: [...new Set(auditFormatNames.map((name) => auditFormats[name].mediaType))],
        querystring: ExportQuery,
        response: { 200: Text },
      },
    },
    async (request, reply) => {
      const { tenant, format, after = 0, limit } = request.query;
      const wanted = { format, after, ...(limit === undefined ? {} : { limit }) };
      const part = await exportChain(cmk.db, tenant, wanted);
      return reply
        .headers({
          'x-okcm-audit-last': String(part.last),
          'x-okcm-audit-more': String(part.more),
          'x-okcm-audit-head': `${part.head.sequence} ${part.head.hash}`,
        })
        .type(part.mediaType)
        .send(part.text);
    },
  );
  app.get(
    '/v1/audit/checkpoints',
    {
      config: { permission: 'audit.read' },
      schema: {
        summary: 'Signed checkpoints of the chain, newest first; to be kept elsewhere',
        querystring: Type.Object({ ...schemas.PageQuery.properties, ...schemas.AuditChain }, schemas.closed),
        response: { 200: schemas.pageOf(Checkpoint) },
      },
    },
    (request) => {
      const { tenant, ...page } = request.query;
      return listCheckpoints(cmk.db, cmk.audit.signer.log, tenant, page);
    },
  );
  app.post(
    '/v1/audit/checkpoints',
    {
      config: { action: 'audit.checkpoint', permission: 'audit.checkpoint' },
      schema: {
        summary: 'Recompute what came since the last checkpoint, and sign the chain as it is now',
        querystring: ChainQuery,
        response: { 201: Checkpoint },
      },
    },
    async (request, reply) => {
      const { tenant } = request.query;
      const chain = chainOf(tenant);
      const event = { action: 'audit.checkpoint', subject: `chain:${chain}`, outcome: 'accepted' } as const;
      await asTenant(cmk.db, chain, async (trx) => {
        if (tenant !== undefined) await requireTenant(trx, tenant);
        await audit(trx, actorOf(request), tenant === undefined ? event : { ...event, tenant });
      });
      const signed = await cmk.audit.checkpoints.sign(chain);
      if ('faults' in signed)
        throw new CmkError('AUDIT_CHAIN_BROKEN', signed.faults.slice(0, 3).map(describeFault).join('; '));
      if (signed.checkpoint === undefined)
        throw new CmkError('AUDIT_CHAIN_BROKEN', 'the event that was just written is not there');
      return reply.status(201).send(signed.checkpoint);
    },
  );
  app.get(
    '/v1/audit/keys',
    {
      config: { permission: 'audit-key.read' },
      schema: {
        summary: 'The public keys that have signed checkpoints here, in PEM',
        response: { 200: Type.Object({ items: Type.Array(Key) }, schemas.closed) },
      },
    },
    async () => ({ items: await listKeys(cmk.db) }),
  );
  app.get(
    '/v1/audit/regions',
    {
      config: { permission: 'audit.read' },
      schema: {
        summary:
          "What regions say of their own audit trails: signed heads, and how many of a tenant's events of each class",
        querystring: ChainQuery,
        response: { 200: Trails },
      },
    },
    (request) => regionTrails(cmk, request.query.tenant),
  );
};
