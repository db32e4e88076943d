/** The fields of a configuration file by which a port is told who it is, whom it trusts and how it speaks TLS. */
import { type Static, Type } from 'typebox';
import { MAX_CRL_FILES } from './revocation-lists.ts';

const Path = Type.String({ minLength: 1, maxLength: 4096 });
const Answer = Type.Union([Type.Literal('refuse'), Type.Literal('accept')]);

/** Default TLSv1.2, with ECDHE and authenticated ciphers alone. */
export const MinVersion = Type.Union([Type.Literal('TLSv1.2'), Type.Literal('TLSv1.3')]);
/** Default `hybrid-preferred`; `hybrid-only` refuses peers without X25519MLKEM768 or SecP256r1MLKEM768. */
export const KeyExchangeField = Type.Union([
  Type.Literal('hybrid-preferred'),
  Type.Literal('hybrid-only'),
  Type.Literal('classic'),
]);

export const RevocationConfig = Type.Object(
  {
    /** DER or PEM; read anew when they change. */
    files: Type.Array(Path, { minItems: 1, maxItems: MAX_CRL_FILES }),
    /** What is done with certificates whose issuer's list is out of date. Default `refuse`. */
    whenStale: Type.Optional(Answer),
    /** The same where there is no list of the issuer. Default `accept`: lists are then for some authorities only. */
    whenMissing: Type.Optional(Answer),
  },
  { additionalProperties: false },
);
export type RevocationConfig = Static<typeof RevocationConfig>;

/** All files are read anew when they change, and on SIGHUP. */
export const ServerTlsConfig = Type.Object(
  {
    cert: Path,
    key: Path,
    ca: Path,
    minVersion: Type.Optional(MinVersion),
    keyExchange: Type.Optional(KeyExchangeField),
    crl: Type.Optional(RevocationConfig),
  },
  { additionalProperties: false },
);
export type ServerTlsConfig = Static<typeof ServerTlsConfig>;
