// Passwords as PostgreSQL keeps them.
import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { OkcmError } from './errors.ts';

/** What PostgreSQL itself uses. A password of ours is random: more rounds would add no strength. */
const SCRAM_ITERATIONS = 4096;
const SCRAM_SALT_BYTES = 16;
const SHA256_BYTES = 32;
const USABLE_PASSWORD = /^[\x20-\x7e]{1,1024}$/;

/**
 * What a SCRAM-SHA-256 server keeps (RFC 5802 §3), in PostgreSQL's notation: letters, digits and `$:+/=-`. Others than
 * ASCII would need SASLprep. Error: POSTGRES_PASSWORD_UNUSABLE.
 */
export async function scramVerifier(password: string): Promise<string> {
  if (!USABLE_PASSWORD.test(password))
    throw new OkcmError('POSTGRES_PASSWORD_UNUSABLE', 'a password has 1 to 1024 printable ASCII characters');
  const salt = randomBytes(SCRAM_SALT_BYTES);
  const salted = await promisify(pbkdf2)(password, salt, SCRAM_ITERATIONS, SHA256_BYTES, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  salted.fill(0);
  clientKey.fill(0);
  return `SCRAM-SHA-256$${SCRAM_ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
