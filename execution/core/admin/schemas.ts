/** The requests of the admin listener. */
import { Type } from 'typebox';
import { AgeRecipient, HolderName, MAX_SHARE_TEXT_BYTES, MAX_SHARES } from '../../keychain/index.ts';
import { MAX_TRAIL_PAGE } from '../audit/pages.ts';

const closed = { additionalProperties: false } as const;
const Share = Type.String({ minLength: 1, maxLength: MAX_SHARE_TEXT_BYTES });

/** A share is the text that its holder decrypted. */
export const PresentShare = Type.Object({ share: Share }, closed);

export const BeginChange = Type.Object(
  {
    purpose: Type.Union([Type.Literal('reshare'), Type.Literal('migrate')]),
    plan: Type.Optional(
      Type.Object(
        {
          threshold: Type.Integer({ minimum: 1, maximum: MAX_SHARES }),
          holders: Type.Array(Type.Object({ name: HolderName, recipient: AgeRecipient }, closed), {
            maxItems: MAX_SHARES,
          }),
        },
        closed,
      ),
    ),
  },
  closed,
);

export const ChangeParams = Type.Object({ id: Type.String({ pattern: '^[0-9a-f-]{36}$' }) }, closed);

/** `compromised`: the IVK of before is marked so for ever. */
export const RotateIvk = Type.Object({ compromised: Type.Boolean() }, closed);

export const TrailQuery = Type.Object(
  {
    after: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_TRAIL_PAGE })),
  },
  closed,
);
