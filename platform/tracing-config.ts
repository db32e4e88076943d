/** The part of a configuration file that says where spans go. Without it none are recorded. */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;

export const TracingConfig = Type.Object(
  {
    /** OTLP over HTTP in JSON, the whole address, such as https://collector.internal:4318/v1/traces */
    url: Type.String({ pattern: '^https?://[^\\s]+$', maxLength: 2048 }),
    /** Such as a credential. */
    headers: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }),
        Type.String({ maxLength: 4096, pattern: '^[\\t -~]*$' }),
        { maxProperties: 16 },
      ),
    ),
    /** Of traces that begin here. Whoever calls with a trace of their own has decided that already. Default: all. */
    sampleRatio: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  },
  closed,
);
export type TracingConfig = Static<typeof TracingConfig>;

export type Attributes = Readonly<Record<string, string | number | boolean>>;
