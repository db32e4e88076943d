/** A key's life: made, used, found, revoked, destroyed. */
import { type ConnectOptions, connect } from '../index.ts';

/** Returns what was decrypted, and the key's states on the way. */
export async function lifeOfAKey(options: ConnectOptions, text: string): Promise<[string, ...string[]]> {
  await using kms = await connect(options);

  const uid = await kms.create({ name: `life of ${text}` });
  const sealed = await kms.encrypt(uid, Buffer.from(text), { additionalData: Buffer.from('row 7') });
  const opened = await kms.decrypt(uid, sealed, { additionalData: Buffer.from('row 7') });

  const states: string[] = [];
  const [found = ''] = await kms.locate({ name: `life of ${text}`, objectType: 'SymmetricKey' });
  states.push((await kms.getAttributes(found, ['State'])).state ?? '');
  await kms.revoke(uid, 'CessationOfOperation');
  states.push((await kms.getAttributes(uid, ['State'])).state ?? '');
  await kms.destroy(uid);
  states.push((await kms.getAttributes(uid, ['State'])).state ?? '');

  return [Buffer.from(opened).toString(), ...states];
}
