/**
 * What is refused by the tokens of a file alone, before anything is built of them: what is nested deeper than any declaration takes
 * time and stack to compose, and each key of a map is compared with all before it.
 */
import { Lexer } from 'yaml';
import { MAX_DOCUMENT_DEPTH, MAX_DOCUMENT_KEYS } from './limits.ts';

/** Marks of the lexer's own, which stand for nothing in the text: a document begins, a scalar follows, brackets end that nobody closed. */
const DOCUMENT = '\u0002';
const SCALAR = '\u001f';
const FLOW_END = '\u0018';

export interface TooMuch {
  readonly offset: number;
  readonly message: string;
}

const DEEP = `lists and maps are nested more than ${MAX_DOCUMENT_DEPTH} deep`;
const MANY = `a document has more than ${MAX_DOCUMENT_KEYS} fields`;

/**
 * Where there is first too much. Blocks nest by indentation, which grows with the square of the depth, or by several dashes in one
 * line. Keys are counted by what ends them: a colon, or, in braces, a comma where one may stand without a value.
 */
export function tooMuchAt(text: string): TooMuch | undefined {
  const flow: string[] = [];
  let dashes = 0;
  let keys = 0;
  let offset = 0;
  let isScalar = false;
  for (const token of new Lexer().lex(text)) {
    if (isScalar) isScalar = false;
    else if (token === SCALAR || token === DOCUMENT || token === FLOW_END) {
      isScalar = token === SCALAR;
      if (token === FLOW_END) flow.length = 0;
      continue;
    } else if (token === '---' || token === '...') keys = 0;
    else if (token === '[' || token === '{') flow.push(token);
    else if (token === ']' || token === '}') flow.pop();
    else if (token === '-') dashes++;
    else if (token === '?') [dashes, keys] = [dashes + 1, keys + 1];
    else if (token === ':' || (token === ',' && flow.at(-1) === '{')) keys++;
    else if (token.startsWith('\n') || token.startsWith('\r')) dashes = 0;
    if (flow.length + dashes > MAX_DOCUMENT_DEPTH) return { offset, message: DEEP };
    if (keys > MAX_DOCUMENT_KEYS) return { offset, message: MANY };
    offset += token.length;
  }
  return undefined;
}
