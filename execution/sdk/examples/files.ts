/** A file of any size, sealed and opened as it is read: by Node's streams, and by those of the Web. */
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { DataKeys } from '../index.ts';

export async function sealFile(dataKeys: DataKeys, from: string, to: string): Promise<void> {
  await pipeline(
    createReadStream(from),
    dataKeys.sealTransform({ associatedData: Buffer.from('backup') }),
    createWriteStream(to),
  );
}

/** What has been written is only good if all of it was there: otherwise the file is taken away again. */
export async function openFile(dataKeys: DataKeys, from: string, to: string): Promise<void> {
  try {
    await pipeline(
      createReadStream(from),
      dataKeys.openTransform({ associatedData: Buffer.from('backup') }),
      createWriteStream(to),
    );
  } catch (error) {
    await rm(to, { force: true });
    throw error;
  }
}

/** The same with the streams of the Web: how many bytes the file holds in the clear. */
export async function countBytes(dataKeys: DataKeys, path: string): Promise<number> {
  await using file = await open(path);
  const plain = file
    .readableWebStream()
    .pipeThrough(dataKeys.openStream({ associatedData: Buffer.from('backup') }));
  let count = 0;
  for await (const bytes of plain) count += bytes.length;
  return count;
}
