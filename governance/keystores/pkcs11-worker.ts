/**
 * The process that holds a vendor's PKCS#11 library: a call comes as a message, its answer goes back as one. It does one
 * after the other, and ends with the process that started it.
 */
import { createHash } from 'node:crypto';
import { readPrivate } from '../../platform/config-file.ts';
import { errorMessage } from '../../platform/errors.ts';
import type { TokenAnswer, TokenRequest, TokenResults } from './pkcs11-calls.ts';
import { type Graphene, loadGraphene, tokenAnswer, tokenState, withToken } from './pkcs11-library.ts';
import { carryOut } from './pkcs11-operations.ts';
import { KeystoreError, stateOf } from './provider.ts';

const MAX_PIN_FILE_BYTES = 1024;

let graphene: Graphene | undefined;
/** Of the last call: the digest of a PIN that the token refused. */
let refusedPin: string | undefined;

async function answer({
  config,
  call,
  refusedPins,
}: TokenRequest): Promise<TokenResults[keyof TokenResults]> {
  graphene ??= await loadGraphene();
  const pin = (
    await readPrivate(config.pinFile, MAX_PIN_FILE_BYTES).catch((cause: unknown) => {
      throw new KeystoreError('UNKNOWN', errorMessage(cause), { cause });
    })
  ).trimEnd();
  const digest = createHash('sha256').update(`${config.module}\n${config.tokenLabel}\n${pin}`).digest('hex');
  if (refusedPins.includes(digest))
    throw new KeystoreError('UNKNOWN', 'the token refused the PIN of its file; it is not tried again');
  const library = graphene;
  try {
    return withToken(library, config, pin, (session) => carryOut(library, session, call));
  } catch (cause) {
    if (cause instanceof KeystoreError) throw cause;
    const said = tokenAnswer(cause) ?? errorMessage(cause);
    if (/^CKR_(USER_)?PIN_/.test(said)) refusedPin = digest;
    throw new KeystoreError(tokenState(said), `the token "${config.tokenLabel}" says ${said}`, { cause });
  }
}

let turn: Promise<void> = Promise.resolve();
process.on('message', (request: TokenRequest) => {
  turn = turn.then(async () => {
    const { id } = request;
    let message: TokenAnswer;
    refusedPin = undefined;
    try {
      message = { id, result: await answer(request) };
    } catch (error) {
      const refused = refusedPin === undefined ? {} : { refusedPin };
      message = { id, state: stateOf(error), detail: errorMessage(error), ...refused };
    }
    await new Promise<void>((resolve) => {
      if (process.send === undefined) return resolve();
      process.send(message, undefined, undefined, () => resolve());
    });
    // It has gone out as a copy.
    if (
      'result' in message &&
      'plaintext' in message.result &&
      message.result.plaintext instanceof Uint8Array
    )
      message.result.plaintext.fill(0);
  });
});
process.on('disconnect', () => process.exit(0));
