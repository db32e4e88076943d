/**
 * Test cases in KMIP's XML encoding: files with a `<KMIP>` root that holds requests, each followed by the response that
 * is expected, or by several of which any will do.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseXml, type XmlElement } from '../../execution/kmip/index.ts';

const EXTENSION = '.xml';

export interface Exchange {
  readonly request: XmlElement;
  /** Alternatives; none: the answer only has to be well-formed. */
  readonly responses: readonly XmlElement[];
}

export interface ConformanceCase {
  /** The file's name without its extension. */
  readonly name: string;
  readonly profile: string;
  readonly exchanges: readonly Exchange[];
}

/** @throws Error when the text is no test case. */
export function parseCase(name: string, text: string): ConformanceCase {
  const root = parseXml(text);
  if (root.name !== 'KMIP') throw new Error(`${name}: the root is <${root.name}>, not <KMIP>`);
  const exchanges: { request: XmlElement; responses: XmlElement[] }[] = [];
  for (const message of root.children) {
    if (message.name === 'RequestMessage') {
      exchanges.push({ request: message, responses: [] });
    } else if (message.name === 'ResponseMessage') {
      const last = exchanges.at(-1);
      if (last === undefined) throw new Error(`${name}: a response comes before every request`);
      last.responses.push(message);
    } else {
      throw new Error(`${name}: <${message.name}> is neither a request nor a response`);
    }
  }
  if (exchanges.length === 0) throw new Error(`${name}: there is no request in it`);
  return { name, profile: profileOf(name), exchanges };
}

export async function readCase(path: string): Promise<ConformanceCase> {
  return parseCase(basename(path, EXTENSION), await readFile(path, 'utf8'));
}

/** Every case of the folders, in the order of their names; `only` keeps those whose name holds the word. */
export async function readCases(folders: readonly string[], only = ''): Promise<ConformanceCase[]> {
  const paths: string[] = [];
  for (const folder of folders) {
    const files = (await readdir(folder)).filter((file) => file.endsWith(EXTENSION) && file.includes(only));
    paths.push(...files.sort(byName).map((file) => join(folder, file)));
  }
  return await Promise.all(paths.map(readCase));
}

/** `M-2` before `M-10`. */
const byName = new Intl.Collator('en', { numeric: true }).compare;

/** OASIS names a case after its profile, whether it is mandatory or optional, and a number; others by their first word. */
export function profileOf(name: string): string {
  const marked = /^(.+?)-[MO](?:-|$)/.exec(name);
  return marked?.[1] ?? name.split('-')[0] ?? name;
}
