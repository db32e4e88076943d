/** The part of the configuration file that concerns the audit log. Durations are milliseconds. */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;
const Path = Type.String({ minLength: 1, maxLength: 4096 });
const HeaderValue = Type.String({ maxLength: 4096, pattern: '^[\\t -~]*$' });
const DAY_MS = 86_400_000;

export const AuditConfig = Type.Object(
  {
    /** Ed25519, PKCS#8 PEM: signs checkpoints. Default: the key that signs jobs, whose signatures mean nothing here. */
    signing: Type.Optional(
      Type.Object({ key: Path, keyId: Type.String({ pattern: '^[A-Za-z0-9_.:-]{1,128}$' }) }, closed),
    ),
    /** How often chains that have grown are recomputed and signed. Default: a minute. */
    checkpointEveryMs: Type.Optional(Type.Integer({ minimum: 50, maximum: DAY_MS })),
    /** The newest checkpoint of each chain is kept there as a file: mount it where the database's keeper cannot write. */
    checkpointDirectory: Type.Optional(Path),
    /** Where every event is sent as an OpenTelemetry log record, by OTLP over HTTP in JSON. */
    otlp: Type.Optional(
      Type.Object(
        {
          /** The whole address, such as https://collector.internal:4318/v1/logs */
          url: Type.String({ pattern: '^https?://[^\\s]+$', maxLength: 2048 }),
          /** Such as a credential. */
          headers: Type.Optional(
            Type.Record(Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }), HeaderValue, { maxProperties: 16 }),
          ),
          everyMs: Type.Optional(Type.Integer({ minimum: 50, maximum: DAY_MS })),
        },
        closed,
      ),
    ),
  },
  closed,
);
export type AuditConfig = Static<typeof AuditConfig>;
export type OtlpConfig = NonNullable<AuditConfig['otlp']>;
