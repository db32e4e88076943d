/** Certificate requests (KMIP 1.4 §4.7, §9.1.3.2.22): PKCS#10 in DER or PEM, signed by the key that they are for. */

import { CertificateRequestType, KmipError } from '../../../kmip/index.ts';
import { MAX_CERTIFICATE_REQUEST_BYTES } from '../../limits.ts';
import { type Extension, Pkcs10CertificateRequest } from './x509.ts';

export interface CertificateRequest {
  /** Distinguished name, in DER. */
  readonly subject: Uint8Array;
  /** SubjectPublicKeyInfo, in DER. */
  readonly publicKeyInfo: Uint8Array;
  /** Those that the certificate shall have. */
  readonly extensions: readonly Extension[];
}

/** §11.8 */
function refused(cause?: unknown): KmipError {
  return new KmipError(
    KmipError.invalidField('').resultReason,
    'the Certificate Request is not a signed PKCS#10 request of its Certificate Request Type',
    cause === undefined ? {} : { cause },
  );
}

/**
 * @throws KmipError Invalid Message (only one of type and request), Feature Not Supported (CRMF, PGP), Invalid Field (no
 * request, or its signature is not by its key).
 */
export async function readRequest(
  type: number | undefined,
  bytes: Uint8Array | undefined,
): Promise<CertificateRequest | undefined> {
  if (type === undefined && bytes === undefined) return undefined;
  if (type === undefined || bytes === undefined) {
    throw KmipError.invalidMessage('Certificate Request Type and Certificate Request go together');
  }
  if (type !== CertificateRequestType.PKCS_10 && type !== CertificateRequestType.PEM) {
    throw KmipError.featureNotSupported('certificate requests are taken as PKCS#10, in DER or PEM');
  }
  if (bytes.length > MAX_CERTIFICATE_REQUEST_BYTES) {
    throw KmipError.invalidField(`a Certificate Request has at most ${MAX_CERTIFICATE_REQUEST_BYTES} bytes`);
  }
  const source =
    type === CertificateRequestType.PEM ? Buffer.from(bytes).toString('latin1') : Uint8Array.from(bytes);
  let isSigned: boolean;
  let request: CertificateRequest;
  try {
    const parsed = new Pkcs10CertificateRequest(source);
    request = {
      subject: new Uint8Array(parsed.subjectName.toArrayBuffer()),
      publicKeyInfo: new Uint8Array(parsed.publicKey.rawData),
      extensions: parsed.extensions,
    };
    isSigned = await parsed.verify();
  } catch (error) {
    throw refused(error);
  }
  if (!isSigned) throw refused();
  return request;
}
