// What browsers are given: small enough, complete, and within the portal's content security policy.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { temporaryDirectory } from '../testkit/directories.ts';
import { buildPortal, MAX_FIRST_PAGE_BYTES, type PortalSizes } from './build-portal.ts';

let folder: string;
let sizes: PortalSizes;
let page: string;
const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
const assets = (): string[] =>
  readdirSync(join(folder, 'assets')).filter((name) => !/\.(?:br|gz)$/.test(name));
const scripts = (): string[] => assets().filter((name) => name.endsWith('.js'));

before(async () => {
  folder = join(temporaryDirectory('portal'), 'out');
  // What stood there is replaced, and the folder of an earlier build has no part in this one.
  await buildPortal(folder);
  sizes = await buildPortal(folder);
  page = read('index.html');
});

test('the first page stays below its budget, and other pages are files of their own', () => {
  assert.ok(sizes.firstPageBytes > 20_000, `${sizes.firstPageBytes} bytes are not all of it`);
  assert.ok(sizes.firstPageBytes < MAX_FIRST_PAGE_BYTES, `the first page has ${sizes.firstPageBytes} bytes`);
  assert.ok(scripts().length > 25, `${scripts().length} scripts: pages are not split`);
});

test('every file has its compressed forms beside it, and they hold the same', () => {
  for (const file of ['index.html', ...assets().map((name) => `assets/${name}`)]) {
    const content = readFileSync(join(folder, file));
    assert.deepEqual(brotliDecompressSync(readFileSync(join(folder, `${file}.br`))), content, file);
    assert.deepEqual(gunzipSync(readFileSync(join(folder, `${file}.gz`))), content, file);
  }
});

test('index.html names only files that are there, under names that tell their content', () => {
  const named = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address = '']) => address);
  assert.ok(named.length >= 4, `it names ${named.length} files`);
  for (const address of named) {
    assert.match(address, /^\/portal\/assets\/[\w-]+-[A-Z0-9]{8}\.(?:js|css|svg)$/);
    read(address.slice('/portal/'.length));
  }
});

test('nothing is inline, as the content security policy asks', () => {
  for (const [script] of page.matchAll(/<script[^>]*>/g)) assert.match(script, / src="/);
  assert.doesNotMatch(page, /<style| style=| on\w+=|javascript:/);
  for (const name of scripts()) assert.doesNotMatch(read(`assets/${name}`), /\beval\(|new Function\(/, name);
});

test('no other host is asked for anything, and React is built for production', () => {
  // Namespaces, and the pages at which React explains its errors: both are told, never loaded.
  const known = /^https?:\/\/(?:www\.w3\.org|react\.dev|[Hh][Oo][Ss][Tt]|…)/;
  for (const name of assets()) {
    const text = read(`assets/${name}`);
    for (const [address] of text.matchAll(/https?:\/\/[^\s"'`)]+/g)) {
      if (!/^https?:\/\/[a-z0-9.-]+\.[a-z]{2,}/i.test(address)) continue;
      assert.match(address, known, `${name} names ${address}`);
    }
    assert.doesNotMatch(text, /react-dom[.-]development|Warning: Each child in a list/, name);
  }
});

test('React Aria’s words come in English alone', () => {
  const all = scripts()
    .map((name) => read(`assets/${name}`))
    .join('');
  assert.match(all, /Dismiss/);
  assert.doesNotMatch(all, /Ausblenden|Schließen|Rejeter/);
});
