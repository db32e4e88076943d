/**
 * The elliptic curves by their three names: KMIP's Recommended Curve (KMIP 1.4 §9.1.3.2.5), OpenSSL's, and the object
 * identifier. A curve that the OpenSSL in use was built without is in the table all the same; using it fails there.
 */
import { RecommendedCurve as C } from '../kmip/index.ts';

export interface Curve {
  /** KMIP's Recommended Curve. */
  readonly kmip: number;
  readonly openssl: string;
  readonly oid: string;
  /** Bits of the field, which is what KMIP calls the length of a key. */
  readonly bits: number;
}

/** KMIP 2.0 gave these numbers; 1.4 has none for the curves of RFC 7748. */
export const CURVE25519 = 0x45;
export const CURVE448 = 0x46;

const secg = '1.3.132.0';
const prime = '1.2.840.10045.3.1';
const binary = '1.2.840.10045.3.0';
const brainpool = '1.3.36.3.3.2.8.1.1';

const rows: readonly (readonly [kmip: number, openssl: string, oid: string, bits: number])[] = [
  [C.P_192, 'prime192v1', `${prime}.1`, 192],
  [C.K_163, 'sect163k1', `${secg}.1`, 163],
  [C.B_163, 'sect163r2', `${secg}.15`, 163],
  [C.P_224, 'secp224r1', `${secg}.33`, 224],
  [C.K_233, 'sect233k1', `${secg}.26`, 233],
  [C.B_233, 'sect233r1', `${secg}.27`, 233],
  [C.P_256, 'prime256v1', `${prime}.7`, 256],
  [C.K_283, 'sect283k1', `${secg}.16`, 283],
  [C.B_283, 'sect283r1', `${secg}.17`, 283],
  [C.P_384, 'secp384r1', `${secg}.34`, 384],
  [C.K_409, 'sect409k1', `${secg}.36`, 409],
  [C.B_409, 'sect409r1', `${secg}.37`, 409],
  [C.P_521, 'secp521r1', `${secg}.35`, 521],
  [C.K_571, 'sect571k1', `${secg}.38`, 571],
  [C.B_571, 'sect571r1', `${secg}.39`, 571],
  [C.SECP112R1, 'secp112r1', `${secg}.6`, 112],
  [C.SECP112R2, 'secp112r2', `${secg}.7`, 112],
  [C.SECP128R1, 'secp128r1', `${secg}.28`, 128],
  [C.SECP128R2, 'secp128r2', `${secg}.29`, 128],
  [C.SECP160K1, 'secp160k1', `${secg}.9`, 160],
  [C.SECP160R1, 'secp160r1', `${secg}.8`, 160],
  [C.SECP160R2, 'secp160r2', `${secg}.30`, 160],
  [C.SECP192K1, 'secp192k1', `${secg}.31`, 192],
  [C.SECP224K1, 'secp224k1', `${secg}.32`, 224],
  [C.SECP256K1, 'secp256k1', `${secg}.10`, 256],
  [C.SECT113R1, 'sect113r1', `${secg}.4`, 113],
  [C.SECT113R2, 'sect113r2', `${secg}.5`, 113],
  [C.SECT131R1, 'sect131r1', `${secg}.22`, 131],
  [C.SECT131R2, 'sect131r2', `${secg}.23`, 131],
  [C.SECT163R1, 'sect163r1', `${secg}.2`, 163],
  [C.SECT193R1, 'sect193r1', `${secg}.24`, 193],
  [C.SECT193R2, 'sect193r2', `${secg}.25`, 193],
  [C.SECT239K1, 'sect239k1', `${secg}.3`, 239],
  [C.ANSIX9P192V2, 'prime192v2', `${prime}.2`, 192],
  [C.ANSIX9P192V3, 'prime192v3', `${prime}.3`, 192],
  [C.ANSIX9P239V1, 'prime239v1', `${prime}.4`, 239],
  [C.ANSIX9P239V2, 'prime239v2', `${prime}.5`, 239],
  [C.ANSIX9P239V3, 'prime239v3', `${prime}.6`, 239],
  [C.ANSIX9C2PNB163V1, 'c2pnb163v1', `${binary}.1`, 163],
  [C.ANSIX9C2PNB163V2, 'c2pnb163v2', `${binary}.2`, 163],
  [C.ANSIX9C2PNB163V3, 'c2pnb163v3', `${binary}.3`, 163],
  [C.ANSIX9C2PNB176V1, 'c2pnb176v1', `${binary}.4`, 176],
  [C.ANSIX9C2TNB191V1, 'c2tnb191v1', `${binary}.5`, 191],
  [C.ANSIX9C2TNB191V2, 'c2tnb191v2', `${binary}.6`, 191],
  [C.ANSIX9C2TNB191V3, 'c2tnb191v3', `${binary}.7`, 191],
  [C.ANSIX9C2PNB208W1, 'c2pnb208w1', `${binary}.10`, 208],
  [C.ANSIX9C2TNB239V1, 'c2tnb239v1', `${binary}.11`, 239],
  [C.ANSIX9C2TNB239V2, 'c2tnb239v2', `${binary}.12`, 239],
  [C.ANSIX9C2TNB239V3, 'c2tnb239v3', `${binary}.13`, 239],
  [C.ANSIX9C2PNB272W1, 'c2pnb272w1', `${binary}.16`, 272],
  [C.ANSIX9C2PNB304W1, 'c2pnb304w1', `${binary}.17`, 304],
  [C.ANSIX9C2TNB359V1, 'c2tnb359v1', `${binary}.18`, 359],
  [C.ANSIX9C2PNB368W1, 'c2pnb368w1', `${binary}.19`, 368],
  [C.ANSIX9C2TNB431R1, 'c2tnb431r1', `${binary}.20`, 431],
  [C.BRAINPOOLP160R1, 'brainpoolP160r1', `${brainpool}.1`, 160],
  [C.BRAINPOOLP160T1, 'brainpoolP160t1', `${brainpool}.2`, 160],
  [C.BRAINPOOLP192R1, 'brainpoolP192r1', `${brainpool}.3`, 192],
  [C.BRAINPOOLP192T1, 'brainpoolP192t1', `${brainpool}.4`, 192],
  [C.BRAINPOOLP224R1, 'brainpoolP224r1', `${brainpool}.5`, 224],
  [C.BRAINPOOLP224T1, 'brainpoolP224t1', `${brainpool}.6`, 224],
  [C.BRAINPOOLP256R1, 'brainpoolP256r1', `${brainpool}.7`, 256],
  [C.BRAINPOOLP256T1, 'brainpoolP256t1', `${brainpool}.8`, 256],
  [C.BRAINPOOLP320R1, 'brainpoolP320r1', `${brainpool}.9`, 320],
  [C.BRAINPOOLP320T1, 'brainpoolP320t1', `${brainpool}.10`, 320],
  [C.BRAINPOOLP384R1, 'brainpoolP384r1', `${brainpool}.11`, 384],
  [C.BRAINPOOLP384T1, 'brainpoolP384t1', `${brainpool}.12`, 384],
  [C.BRAINPOOLP512R1, 'brainpoolP512r1', `${brainpool}.13`, 512],
  [C.BRAINPOOLP512T1, 'brainpoolP512t1', `${brainpool}.14`, 512],
];

export const curves: readonly Curve[] = rows.map(([kmip, openssl, oid, bits]) => ({
  kmip,
  openssl,
  oid,
  bits,
}));

const byKmip = new Map(curves.map((curve) => [curve.kmip, curve]));
const byOpenssl = new Map(curves.map((curve) => [curve.openssl, curve]));

/** By Recommended Curve; undefined for one that is not in the table. */
export function curveOf(recommendedCurve: number): Curve | undefined {
  return byKmip.get(recommendedCurve);
}

/** By OpenSSL's name; undefined for one that KMIP has no number for. */
export function curveNamed(openssl: string): Curve | undefined {
  return byOpenssl.get(openssl);
}
