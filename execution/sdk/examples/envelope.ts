/** Many small records, sealed in this process under a few data keys. */
import { type ConnectOptions, connect, type DataKeySource } from '../index.ts';

export interface Row {
  readonly id: number;
  readonly sealed: Uint8Array;
}

/** Seals each text, bound to its row, and opens them again. Returns the texts, and how many data keys it took. */
export async function sealRows(
  options: ConnectOptions,
  source: DataKeySource,
  texts: readonly string[],
): Promise<{ texts: string[]; dataKeys: number }> {
  await using kms = await connect(options);
  using dataKeys = kms.dataKeys({ source, limits: { maxAgeMs: 60_000, maxMessages: 1_000_000 } });

  const rowName = (id: number): Uint8Array => Buffer.from(`customers/${id}`);
  const rows: Row[] = await Promise.all(
    texts.map(async (text, id) => ({
      id,
      sealed: await dataKeys.seal(Buffer.from(text), { associatedData: rowName(id) }),
    })),
  );

  // Later, and usually elsewhere: whoever may use the service opens them.
  const opened = await Promise.all(
    rows.map(({ id, sealed }) => dataKeys.open(sealed, { associatedData: rowName(id) })),
  );
  return { texts: opened.map(String), dataKeys: dataKeys.size };
}
