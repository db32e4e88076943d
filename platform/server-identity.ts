/**
 * Who a TLS server is, whom it trusts and whom it trusts no longer: certificate, key, authorities and revocation lists from
 * files that may change while it runs. Whatever changes goes into a new context for new connections; open ones live on
 * until somebody judges them by the new lists.
 */
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Logger } from './log.ts';
import { Revocations } from './revocation.ts';
import { type ReadLists, readRevocationLists } from './revocation-lists.ts';
import type { RevocationConfig, ServerTlsConfig } from './tls-config.ts';
import {
  freshTicketKeys,
  serverContext,
  TICKET_KEYS_LIFETIME_MS,
  type TicketSettings,
} from './tls-context.ts';
import { checkValidity } from './tls-identity.ts';
import { certificatesIn, readTlsMaterial, type TlsMaterial } from './tls-material.ts';
import { WatchedFiles } from './watched-files.ts';

export type ReloadOutcome = 'taken' | 'refused';

export interface ServerIdentityOptions {
  readonly config: ServerTlsConfig;
  /** PEM of further authorities, such as those that the region's core has pushed. */
  readonly alsoTrusted?: (() => readonly string[]) | undefined;
  /** The same in all processes that share a port (TICKET_KEYS_BYTES); its own, replaced now and then, when left out. */
  readonly ticketKeys?: Uint8Array | undefined;
  readonly onReload?: ((outcome: ReloadOutcome) => void) | undefined;
  readonly logger: Logger;
}

export class ServerIdentity {
  readonly #options: ServerIdentityOptions;
  readonly #material: WatchedFiles<TlsMaterial>;
  readonly #lists: WatchedFiles<ReadLists> | undefined;
  readonly #revocations: Revocations | undefined;
  readonly #onContext: (() => void)[] = [];
  readonly #onRevocations: (() => void)[] = [];
  #ticketKeys: Uint8Array;
  #ticketTimer: NodeJS.Timeout | undefined;

  /** Errors: TLS_FILES, CRL_REFUSED, TLS_NO_HYBRID. */
  static async open(options: ServerIdentityOptions): Promise<ServerIdentity> {
    const { config, logger } = options;
    // Made last, of what is read first; from then on changes are its own.
    let self: ServerIdentity | undefined;
    const material = await watchMaterial(options, () => self?.trustChanged());
    const { crl } = config;
    const lists =
      crl === undefined
        ? undefined
        : await watchLists(options, crl, material, (fresh) => {
            if (self !== undefined) self.#useLists(fresh);
          });
    self = new ServerIdentity(options, material, lists);
    const expired = checkValidity(self.material.certificate, new Date());
    if (expired !== undefined)
      logger.error({ reason: expired.code }, `clients will refuse us: ${expired.message}`);
    return self;
  }

  private constructor(
    options: ServerIdentityOptions,
    material: WatchedFiles<TlsMaterial>,
    lists: WatchedFiles<ReadLists> | undefined,
  ) {
    this.#options = options;
    this.#material = material;
    this.#lists = lists;
    const { whenStale = 'refuse', whenMissing = 'accept' } = options.config.crl ?? {};
    this.#revocations =
      lists === undefined ? undefined : new Revocations({ whenStale, whenMissing }, lists.current);
    this.#ticketKeys = options.ticketKeys ?? freshTicketKeys();
  }

  get material(): TlsMaterial {
    return this.#material.current;
  }

  /** Undefined where no lists are configured. */
  get revocations(): Revocations | undefined {
    return this.#revocations;
  }

  /** For a server; `scope` keeps the sessions of different ports apart. Errors: of OpenSSL. */
  context(scope: string): SecureContextOptions {
    const tickets = { scope, keys: this.#ticketKeys, epoch: this.#revocations?.epoch };
    return contextOf(this.#options, this.material, tickets);
  }

  /** `context` gives another one from now on. */
  onContext(listener: () => void): void {
    this.#onContext.push(listener);
  }

  /** Open connections are to be judged anew. */
  onRevocations(listener: () => void): void {
    this.#onRevocations.push(listener);
  }

  /** From now on changes of the files are followed, until `close`. */
  start(): void {
    this.#material.start();
    this.#lists?.start();
    if (this.#options.ticketKeys !== undefined) return;
    this.#ticketTimer ??= setInterval(
      () => this.setTicketKeys(freshTicketKeys()),
      TICKET_KEYS_LIFETIME_MS,
    ).unref();
  }

  close(): void {
    this.#material.close();
    this.#lists?.close();
    clearInterval(this.#ticketTimer);
  }

  /** Reads all files now. Never rejects: what is wrong is in the log, and what was there before goes on. */
  async reload(): Promise<void> {
    await this.#material.reload();
    await this.#lists?.reload();
  }

  /** What `alsoTrusted` gives has changed. */
  trustChanged(): void {
    this.#tell(this.#onContext);
    // A list that had no use may have one now.
    void this.#lists?.reload();
  }

  /** Sessions under the keys of before are not resumed any more. */
  setTicketKeys(keys: Uint8Array): void {
    this.#ticketKeys = keys;
    this.#tell(this.#onContext);
  }

  #useLists(fresh: ReadLists): void {
    this.#revocations?.replace(fresh);
    this.#tell(this.#onContext);
    this.#tell(this.#onRevocations);
  }

  #tell(listeners: readonly (() => void)[]): void {
    for (const listener of listeners) listener();
  }
}

function watchMaterial(
  options: ServerIdentityOptions,
  onChanged: () => void,
): Promise<WatchedFiles<TlsMaterial>> {
  const { config, onReload, logger } = options;
  return WatchedFiles.open<TlsMaterial>({
    what: 'server certificate',
    paths: [config.cert, config.key, config.ca],
    load: async (before) => {
      const read = await readTlsMaterial(config, { purpose: 'server', mustBeValid: before !== undefined });
      createSecureContext(contextOf(options, read, { scope: '' })); // with all that it will be used with
      return read;
    },
    onChanged,
    onOutcome: onReload,
    logger,
  });
}

function watchLists(
  { alsoTrusted = () => [], onReload, logger }: ServerIdentityOptions,
  { files }: RevocationConfig,
  material: WatchedFiles<TlsMaterial>,
  onChanged: (fresh: ReadLists) => void,
): Promise<WatchedFiles<ReadLists>> {
  return WatchedFiles.open<ReadLists>({
    what: 'revocation lists',
    paths: files,
    load: async (before) => {
      const pushed = alsoTrusted().flatMap((pem) => certificatesIn(pem, 'an issuer'));
      const trusted = [...material.current.authorities, ...pushed];
      const read = await readRevocationLists(files, trusted, before?.lists);
      for (const issuer of read.unknownIssuers)
        logger.warn({ issuer }, 'a revocation list has no use: its authority is not trusted here');
      return read;
    },
    onChanged,
    onOutcome: onReload,
    logger,
  });
}

function contextOf(
  { config, alsoTrusted = () => [] }: ServerIdentityOptions,
  { cert, key, ca }: TlsMaterial,
  tickets: TicketSettings,
): SecureContextOptions {
  const { minVersion, keyExchange } = config;
  return serverContext({ minVersion, keyExchange, cert, key, trusted: [ca, ...alsoTrusted()], tickets });
}
