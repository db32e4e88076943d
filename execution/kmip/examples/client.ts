/** A client: makes a key, encrypts with it, decrypts again. */
import {
  attribute,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KmipClient,
  type KmipClientOptions,
  ObjectType,
  Operation,
} from '../index.ts';

/** Returns what was decrypted. */
export async function encryptAndDecrypt(options: KmipClientOptions, text: string): Promise<string> {
  const kmip = new KmipClient(options);
  const { uniqueIdentifier } = await kmip.request(Operation.Create, {
    objectType: ObjectType.SymmetricKey,
    templateAttribute: {
      attribute: [
        attribute('Cryptographic Algorithm', CryptographicAlgorithm.AES),
        attribute('Cryptographic Length', 256),
        attribute(
          'Cryptographic Usage Mask',
          CryptographicUsageMask.Encrypt | CryptographicUsageMask.Decrypt,
        ),
        attribute('Activation Date', Math.floor(Date.now() / 1000)),
      ],
    },
  });
  const sealed = await kmip.request(Operation.Encrypt, { uniqueIdentifier, data: Buffer.from(text) });
  const opened = await kmip.request(Operation.Decrypt, sealed);
  kmip.close();
  return Buffer.from(opened.data ?? []).toString();
}
