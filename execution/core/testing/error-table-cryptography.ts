/** More of the error tables of KMIP 1.4 §11: operations on key pairs, certificates and data. Like `error-table.ts`. */
import { DerivationMethod, ObjectType, Operation, ResultReason as R } from '../../kmip/index.ts';
import { absentAndArchived, type Row, row } from './error-table.ts';
import { aesKey } from './keys.ts';

const data = Uint8Array.of(1);

function derivation(uniqueIdentifier: string, derivationMethod: number = DerivationMethod.HMAC) {
  return {
    objectType: ObjectType.SymmetricKey,
    uniqueIdentifier: [uniqueIdentifier],
    derivationMethod,
    derivationParameters: {
      cryptographicParameters: { hashingAlgorithm: 6 },
      derivationData: data,
    },
    templateAttribute: { attribute: aesKey },
  };
}

export const cryptographyRows: readonly Row[] = [
  ...absentAndArchived('11.6', Operation.ReKeyKeyPair, (privateKeyUniqueIdentifier) => ({
    privateKeyUniqueIdentifier,
  })),
  ...absentAndArchived('11.7', Operation.DeriveKey, (uid) => derivation(uid)),
  row('11.7', Operation.DeriveKey, 'invalid method', R.InvalidField, (o) => derivation(o.active, 99)),
  ...absentAndArchived('11.8', Operation.Certify, (uniqueIdentifier) => ({ uniqueIdentifier })),
  ...absentAndArchived('11.9', Operation.ReCertify, (uniqueIdentifier) => ({ uniqueIdentifier })),
  row('11.25', Operation.Validate, 'archived', R.ObjectArchived, (o) => ({ uniqueIdentifier: [o.archived] })),
  row('11.25', Operation.Validate, 'nothing to validate', R.InvalidMessage, () => ({})),
  ...absentAndArchived('11.32', Operation.Sign, (uniqueIdentifier) => ({ uniqueIdentifier, data })),
  ...absentAndArchived('11.33', Operation.SignatureVerify, (uniqueIdentifier) => ({
    uniqueIdentifier,
    data,
    signatureData: data,
  })),
  ...absentAndArchived('11.34', Operation.MAC, (uniqueIdentifier) => ({ uniqueIdentifier, data })),
  ...absentAndArchived('11.35', Operation.MACVerify, (uniqueIdentifier) => ({
    uniqueIdentifier,
    data,
    macData: data,
  })),
  row('11.32', Operation.Sign, 'cannot be used for signing', R.PermissionDenied, (o) => ({
    uniqueIdentifier: o.active,
    data,
  })),
  row('11.34', Operation.MAC, 'cannot be used for MACs', R.PermissionDenied, (o) => ({
    uniqueIdentifier: o.active,
    data,
  })),
  ...absentAndArchived('11.42', Operation.Export, (uniqueIdentifier) => ({ uniqueIdentifier })),
];
