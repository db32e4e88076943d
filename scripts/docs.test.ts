/** The documentation holds together: no link leads nowhere, and every page is found from the guide's index. Reads files alone. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '..');
const INDEX = join(ROOT, 'docs', 'guide', 'README.md');
/** Pages that need not be found from the index: they are where people come from. */
const ROOTS = [join(ROOT, 'README.md'), join(ROOT, 'ARCHITECTURE.md')];
const pages = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => join(ROOT, 'docs', name));

interface Link {
  readonly page: string;
  readonly target: string;
}

/** Without what is shown as code, where brackets mean nothing. */
const prose = (text: string): string =>
  text.replaceAll(/^ *(```|~~~)[\s\S]*?^ *\1/gm, '').replaceAll(/(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)/g, '');

function linksIn(page: string, text: string): Link[] {
  const relatives = [...prose(text).matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)].map(
    (match) => match[1] ?? '',
  );
  return relatives
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target))
    .map((target) => ({ page, target }));
}
const linksOf = (page: string): Link[] => linksIn(page, readFileSync(page, 'utf8'));

/** As GitHub makes them: of several headings with one text, the later ones are numbered. */
function anchorsIn(text: string): Set<string> {
  const anchors = new Set<string>();
  const headings = text.replaceAll(/^ *(```|~~~)[\s\S]*?^ *\1/gm, '').matchAll(/^#{1,6} +(.+?) *#*$/gm);
  for (const [, heading = ''] of headings) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-');
    let name = slug;
    for (let again = 1; anchors.has(name); again++) name = `${slug}-${again}`;
    anchors.add(name);
  }
  return anchors;
}

/** What is wrong with it; undefined where it leads somewhere. */
function trouble({ page, target }: Link): string | undefined {
  const [path = '', anchor] = target.split('#', 2);
  const file = path === '' ? page : resolve(dirname(page), decodeURIComponent(path));
  const shown = `${relative(ROOT, page)}: ${target}`;
  if (!existsSync(file)) return `${shown}: no such file`;
  if (anchor === undefined || !file.endsWith('.md')) return undefined;
  return anchorsIn(readFileSync(file, 'utf8')).has(anchor) ? undefined : `${shown}: no such heading`;
}

test('the search for broken links finds some', () => {
  const text =
    '# A\n# A\n[a](no.md) [b](#a-1) [c](#a-2) [d](https://x.example) `[e](no.md)`\n```\n[f](no.md)\n```\n![g](no.svg "h")';
  const found = linksIn(INDEX, text).map(({ target }) => target);
  assert.deepEqual(found, ['no.md', '#a-1', '#a-2', 'no.svg']);
  assert.deepEqual([...anchorsIn(text)], ['a', 'a-1']);
  assert.deepEqual(
    [...anchorsIn('## What `okcm` is: the [plane](x.md)’s “way”')],
    ['what-okcm-is-the-planes-way'],
  );
  assert.match(trouble({ page: INDEX, target: 'no.md' }) ?? '', /no such file/);
  assert.match(trouble({ page: INDEX, target: '#no-such' }) ?? '', /no such heading/);
});

test('every relative link of README, ARCHITECTURE and docs/ leads to a file, and to a heading where it names one', () => {
  assert.ok(pages.length > 40, `${pages.length} pages`);
  const links = [...ROOTS, ...pages].flatMap(linksOf);
  assert.ok(links.length > 200, `${links.length} links`);
  assert.deepEqual(
    links.flatMap((link) => trouble(link) ?? []),
    [],
  );
});

test('every page of docs/ is found from docs/guide/README.md', () => {
  const found = new Set<string>([INDEX]);
  for (const page of found)
    for (const { target } of linksOf(page)) {
      const file = resolve(dirname(page), (target.split('#', 1)[0] ?? '') || page);
      if (file.endsWith('.md') && existsSync(file) && file.startsWith(join(ROOT, 'docs'))) found.add(file);
    }
  const lost = pages.filter((page) => !found.has(page)).map((page) => relative(ROOT, page));
  assert.deepEqual(lost, []);
});

test('every guide is named by the index itself', () => {
  const named = new Set(
    linksOf(INDEX).map(({ target }) => resolve(dirname(INDEX), target.split('#', 1)[0] ?? '')),
  );
  const guides = pages.filter((page) => dirname(page) === dirname(INDEX) && page !== INDEX);
  assert.deepEqual(
    guides.filter((page) => !named.has(page)).map((page) => relative(ROOT, page)),
    [],
  );
});
