/**
 * Text of others (files, CMK, a person's own input) before it reaches a terminal or the log of a pipeline: both act on what they are
 * shown. A terminal takes control characters for orders; characters of format, invisible ones and unusual spaces make two texts look
 * alike, or a line read differently from what it says; pipelines take lines for commands.
 */

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu;
/** `##vso[…]` and `##[…]` anywhere in a line, as Azure Pipelines and others read them. */
const COMMAND = /#(?=#\w*\[)/g;
/** `::error::…` where a line begins, as GitHub's runner reads it. */
const COMMAND_AT_START = /(?<=^\s*):(?=:)/g;

/** As JSON writes it: by each unit of UTF-16. */
const escaped = (text: string): string =>
  Array.from({ length: text.length }, (_, at) => text.charCodeAt(at))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');

/** One line, whatever stands in the text. */
export const printable = (text: string): string =>
  text.replaceAll(UNSEEN, escaped).replaceAll(COMMAND, escaped).replaceAll(COMMAND_AT_START, escaped);

/** The same of a text whose line breaks are ours. */
export const printableLines = (text: string): string => text.split('\n').map(printable).join('\n');

/** Colours and weights that our own cells have, and their ends: nothing that hides, blinks or moves. */
const STYLE = new RegExp(`(${String.fromCharCode(0x1b)}\\[(?:1|2|22|3[1-6]|39|90)m)`);
const ENDS = [22, 39].map((code) => `${String.fromCharCode(0x1b)}[${code}m`);

/** The same of a cell, which may be coloured by us; whose colours they ever are, they end with the line. */
export const printableCell = (text: string): string => text.split('\n').map(printableLine).join('\n');

function printableLine(line: string): string {
  const parts = line.split(STYLE);
  const shown = parts.map((part) => (STYLE.test(part) ? part : printable(part))).join('');
  const styles = parts.filter((part) => STYLE.test(part));
  return styles.length === 0 || ENDS.includes(styles.at(-1) ?? '') ? shown : shown + ENDS.join('');
}

/** JSON that means the same as JSON.stringify's, and shows nothing but what can be seen. No line of it begins with a colon. */
export const printableJson = (value: unknown, indent?: number): string =>
  printableLines(JSON.stringify(value, null, indent));
