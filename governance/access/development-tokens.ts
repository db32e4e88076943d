/**
 * Bearer tokens from a private file, for development installations: each stands for an operator by name, who may do
 * everything. Comparison takes the same time whatever is sent.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readPrivate } from '../../platform/config-file.ts';
import { OkcmError } from '../../platform/errors.ts';
import type { Principal } from './principal.ts';

const MAX_TOKENS = 16;
const MIN_TOKEN_LENGTH = 16;
const DEFAULT_OPERATOR = 'development-operator';
const OPERATOR = /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/;

/** No other principal has such a name (principal.ts): theirs have a colon. */
export const isDevelopmentName = (principal: string): boolean => OPERATOR.test(principal);

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export interface DevelopmentTokens {
  /** Whom a token stands for, or undefined. */
  (token: string): Principal | undefined;
  /** By name. */
  readonly operators: readonly string[];
}

/**
 * Reads the token file: one token, or lines `operator:token`. Empty lines and those that begin with # are skipped.
 * Errors: those of readPrivate, and TOKEN_FILE_INVALID, which quotes nothing from the file.
 */
export async function readDevelopmentTokens(path: string): Promise<DevelopmentTokens> {
  const lines = (await readPrivate(path))
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const refuse = (why: string): never => {
    throw new OkcmError('TOKEN_FILE_INVALID', `${path}: ${why}`, {
      hint: 'Write one token of at least 16 characters, or lines of the form operator:token.',
    });
  };
  if (lines.length === 0 || lines.length > MAX_TOKENS) refuse(`expected 1 to ${MAX_TOKENS} tokens`);
  const known = lines.map((line) => {
    const colon = line.indexOf(':');
    const operator = colon < 0 ? DEFAULT_OPERATOR : line.slice(0, colon);
    const token = colon < 0 ? line : line.slice(colon + 1);
    if (!OPERATOR.test(operator))
      refuse('an operator name is not 1 to 63 lower-case letters, digits, dots and hyphens');
    if (token.length < MIN_TOKEN_LENGTH) refuse(`a token has fewer than ${MIN_TOKEN_LENGTH} characters`);
    return { principal: principalOf(operator), digest: digest(token) };
  });
  if (new Set(known.map(({ principal }) => principal.id)).size !== known.length)
    refuse('an operator is named twice');

  const principalFor = (token: string): Principal | undefined => {
    const sent = digest(token);
    let found: Principal | undefined;
    // Every token is compared, so that the time says nothing about which came close.
    for (const { principal, digest: expected } of known)
      if (timingSafeEqual(sent, expected)) found = principal;
    return found;
  };
  return Object.assign(principalFor, { operators: known.map(({ principal }) => principal.id) });
}

const principalOf = (operator: string): Principal => ({
  id: operator,
  name: operator,
  person: true,
  duty: 'development',
  groups: [],
});
