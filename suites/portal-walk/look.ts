/** What can be said of a page by looking at it: findings of axe, and what is wider than the window. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const FOUND = `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations
  .filter(({ impact }) => impact === 'serious' || impact === 'critical')
  .map(({ id, impact, nodes }) => impact + ' ' + id + ': ' + nodes.slice(0, 3).map(({ html, failureSummary }) =>
    html.slice(0, 200) + ' (' + failureSummary.replaceAll(/\\s+/g, ' ').slice(0, 200) + ')').join('; ')))`;

/** Serious and critical findings, each with the first three elements that it is about. */
export async function findingsOf(page: Page): Promise<string[]> {
  // As expressions: the page's policy forbids scripts that somebody writes into it, and this one needs none.
  if (!(await page.evaluate<boolean>(`typeof axe === 'object'`))) await page.evaluate(`${AXE};undefined`);
  return await page.evaluate<string[]>(FOUND);
}

const WIDER = `(() => {
  const width = document.documentElement.clientWidth;
  const over = document.documentElement.scrollWidth - width;
  if (over <= 0) return undefined;
  const clips = (element) => element !== null && element !== document.documentElement &&
    (getComputedStyle(element).overflowX !== 'visible' || clips(element.parentElement));
  const culprits = [...document.body.querySelectorAll('*')]
    .filter((element) => element.getBoundingClientRect().right > width + 0.5 && !clips(element.parentElement))
    .map(({ tagName, className }) => tagName.toLowerCase() + '.' + String(className));
  return over + ' px too wide: ' + culprits.slice(0, 4).join(', ');
})()`;

const CRAMPED = `(() => {
  const frames = [...document.querySelectorAll('.table-frame')].filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth);
  const rows = [...document.querySelectorAll('.table-frame tbody tr')].filter(({ offsetHeight }) => offsetHeight > 120);
  const labels = [...frames, ...rows.map((row) => row.closest('.table-frame'))].map((frame) => frame.getAttribute('aria-label'));
  return labels.length === 0 ? undefined : 'columns without room in ' + [...new Set(labels)].join('; ');
})()`;

/** Tables on a wide screen that have to be scrolled sideways, or whose words stand letter below letter. */
export const crampedTables = (page: Page): Promise<string | undefined> =>
  page.evaluate<string | undefined>(CRAMPED);

/** By how much, and what, where the page would have to be scrolled sideways. */
export const widerThanWindow = (page: Page): Promise<string | undefined> =>
  page.evaluate<string | undefined>(WIDER);
