/** Recommended Curves (KMIP 1.4 §9.1.3.2.5) as OpenSSL names them, with the bits of their field. */
import { getCurves } from 'node:crypto';
import { RecommendedCurve } from '../../../kmip/index.ts';

export interface Curve {
  readonly value: RecommendedCurve;
  /** OpenSSL's name. */
  readonly name: string;
  /** KMIP's Cryptographic Length for keys on it. */
  readonly bits: number;
}

const C = RecommendedCurve;
const all: readonly (readonly [value: RecommendedCurve, name: string, bits: number])[] = [
  [C.P_192, 'prime192v1', 192],
  [C.K_163, 'sect163k1', 163],
  [C.B_163, 'sect163r2', 163],
  [C.P_224, 'secp224r1', 224],
  [C.K_233, 'sect233k1', 233],
  [C.B_233, 'sect233r1', 233],
  [C.P_256, 'prime256v1', 256],
  [C.K_283, 'sect283k1', 283],
  [C.B_283, 'sect283r1', 283],
  [C.P_384, 'secp384r1', 384],
  [C.K_409, 'sect409k1', 409],
  [C.B_409, 'sect409r1', 409],
  [C.P_521, 'secp521r1', 521],
  [C.K_571, 'sect571k1', 571],
  [C.B_571, 'sect571r1', 571],
  [C.SECP112R1, 'secp112r1', 112],
  [C.SECP112R2, 'secp112r2', 112],
  [C.SECP128R1, 'secp128r1', 128],
  [C.SECP128R2, 'secp128r2', 128],
  [C.SECP160K1, 'secp160k1', 160],
  [C.SECP160R1, 'secp160r1', 160],
  [C.SECP160R2, 'secp160r2', 160],
  [C.SECP192K1, 'secp192k1', 192],
  [C.SECP224K1, 'secp224k1', 224],
  [C.SECP256K1, 'secp256k1', 256],
  [C.SECT113R1, 'sect113r1', 113],
  [C.SECT113R2, 'sect113r2', 113],
  [C.SECT131R1, 'sect131r1', 131],
  [C.SECT131R2, 'sect131r2', 131],
  [C.SECT163R1, 'sect163r1', 163],
  [C.SECT193R1, 'sect193r1', 193],
  [C.SECT193R2, 'sect193r2', 193],
  [C.SECT239K1, 'sect239k1', 239],
  [C.ANSIX9P192V2, 'prime192v2', 192],
  [C.ANSIX9P192V3, 'prime192v3', 192],
  [C.ANSIX9P239V1, 'prime239v1', 239],
  [C.ANSIX9P239V2, 'prime239v2', 239],
  [C.ANSIX9P239V3, 'prime239v3', 239],
  [C.ANSIX9C2PNB163V1, 'c2pnb163v1', 163],
  [C.ANSIX9C2PNB163V2, 'c2pnb163v2', 163],
  [C.ANSIX9C2PNB163V3, 'c2pnb163v3', 163],
  [C.ANSIX9C2PNB176V1, 'c2pnb176v1', 176],
  [C.ANSIX9C2TNB191V1, 'c2tnb191v1', 191],
  [C.ANSIX9C2TNB191V2, 'c2tnb191v2', 191],
  [C.ANSIX9C2TNB191V3, 'c2tnb191v3', 191],
  [C.ANSIX9C2PNB208W1, 'c2pnb208w1', 208],
  [C.ANSIX9C2TNB239V1, 'c2tnb239v1', 239],
  [C.ANSIX9C2TNB239V2, 'c2tnb239v2', 239],
  [C.ANSIX9C2TNB239V3, 'c2tnb239v3', 239],
  [C.ANSIX9C2PNB272W1, 'c2pnb272w1', 272],
  [C.ANSIX9C2PNB304W1, 'c2pnb304w1', 304],
  [C.ANSIX9C2TNB359V1, 'c2tnb359v1', 359],
  [C.ANSIX9C2PNB368W1, 'c2pnb368w1', 368],
  [C.ANSIX9C2TNB431R1, 'c2tnb431r1', 431],
  [C.BRAINPOOLP160R1, 'brainpoolP160r1', 160],
  [C.BRAINPOOLP160T1, 'brainpoolP160t1', 160],
  [C.BRAINPOOLP192R1, 'brainpoolP192r1', 192],
  [C.BRAINPOOLP192T1, 'brainpoolP192t1', 192],
  [C.BRAINPOOLP224R1, 'brainpoolP224r1', 224],
  [C.BRAINPOOLP224T1, 'brainpoolP224t1', 224],
  [C.BRAINPOOLP256R1, 'brainpoolP256r1', 256],
  [C.BRAINPOOLP256T1, 'brainpoolP256t1', 256],
  [C.BRAINPOOLP320R1, 'brainpoolP320r1', 320],
  [C.BRAINPOOLP320T1, 'brainpoolP320t1', 320],
  [C.BRAINPOOLP384R1, 'brainpoolP384r1', 384],
  [C.BRAINPOOLP384T1, 'brainpoolP384t1', 384],
  [C.BRAINPOOLP512R1, 'brainpoolP512r1', 512],
  [C.BRAINPOOLP512T1, 'brainpoolP512t1', 512],
];

const served: ReadonlySet<string> = new Set(getCurves());

/** Those that this OpenSSL has. */
export const curves: readonly Curve[] = all
  .map(([value, name, bits]) => ({ value, name, bits }))
  .filter(({ name }) => served.has(name));

/** The curve for a length alone: NIST's for that length, of those over prime fields where there is one. */
const byLength: ReadonlyMap<number, RecommendedCurve> = new Map([
  [192, C.P_192],
  [224, C.P_224],
  [256, C.P_256],
  [384, C.P_384],
  [521, C.P_521],
  [163, C.B_163],
  [233, C.B_233],
  [283, C.B_283],
  [409, C.B_409],
  [571, C.B_571],
  [320, C.BRAINPOOLP320R1],
  [512, C.BRAINPOOLP512R1],
]);

export function curveOf(value: number): Curve | undefined {
  return curves.find((curve) => curve.value === value);
}

export function curveOfLength(bits: number): Curve | undefined {
  const value = byLength.get(bits);
  return value === undefined ? undefined : curveOf(value);
}
