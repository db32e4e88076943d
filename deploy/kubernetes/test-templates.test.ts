/**
 * The part of Go's templates that our chart keeps to, so that a test can do what `helm template` does: fields of `.Values`, `toJson`,
 * `if`, `not`, `range` over a list, `end`, and `{{-`, which takes the white space before it away. Anything else is an error.
 */

type Json = Readonly<Record<string, unknown>>;
type Node =
  | { readonly text: string }
  | { readonly print: string; readonly asJson: boolean }
  | { readonly when: string; readonly negated: boolean; readonly body: readonly Node[] }
  | { readonly over: string; readonly body: readonly Node[] };

const FIELD = String.raw`\$?(?:\.[A-Za-z]+)+|\.`;
const PRINT = new RegExp(`^(toJson )?(${FIELD})$`);
const WHEN = new RegExp(`^if (not )?(${FIELD})$`);
const OVER = new RegExp(`^range (${FIELD})$`);

/** @throws Error for an action that is not closed, or that we do not keep to */
export function parse(template: string, what: string): readonly Node[] {
  const root: Node[] = [];
  const open: Node[][] = [root];
  const parts = template.split(/(\{\{-? .*? \}\})/);
  for (const [index, part] of parts.entries()) {
    const body = open.at(-1) ?? root;
    const action = /^\{\{(-?) (.*) \}\}$/.exec(part);
    if (action === null) {
      if (/\{\{|\}\}/.test(part))
        throw new Error(`${what}: delimiters are not balanced near ${part.trim().slice(0, 80)}`);
      const trimmed = parts[index + 1]?.startsWith('{{-') === true ? part.trimEnd() : part;
      body.push({ text: trimmed });
      continue;
    }
    const [, , words = ''] = action;
    const print = PRINT.exec(words);
    const when = WHEN.exec(words);
    const over = OVER.exec(words);
    if (words === 'end') {
      if (open.length === 1) throw new Error(`${what}: an end too many`);
      open.pop();
    } else if (when !== null || over !== null) {
      const inner: Node[] = [];
      const node =
        when !== null
          ? { when: when[2] ?? '', negated: when[1] !== undefined, body: inner }
          : { over: over?.[1] ?? '', body: inner };
      body.push(node);
      open.push(inner);
    } else if (print !== null) body.push({ print: print[2] ?? '', asJson: print[1] !== undefined });
    else throw new Error(`${what}: "${words}" is more than our templates may hold`);
  }
  if (open.length > 1) throw new Error(`${what}: an end is missing`);
  return root;
}

export function render(nodes: readonly Node[], values: Json): string {
  const root: Json = { Values: values };
  return renderIn(nodes, root, root);
}

function renderIn(nodes: readonly Node[], root: Json, dot: unknown): string {
  return nodes
    .map((node) => {
      if ('text' in node) return node.text;
      if ('print' in node) {
        const value = lookUp(node.print, root, dot);
        if (node.asJson) return JSON.stringify(value);
        if (typeof value === 'object') throw new Error(`${node.print} is no plain value`);
        return String(value);
      }
      if ('when' in node) {
        const isTrue = Boolean(lookUp(node.when, root, dot));
        return isTrue === node.negated ? '' : renderIn(node.body, root, dot);
      }
      const items = lookUp(node.over, root, dot);
      if (!Array.isArray(items)) throw new Error(`${node.over} is no list`);
      return items.map((item: unknown) => renderIn(node.body, root, item)).join('');
    })
    .join('');
}

/** @throws Error where Helm would print nothing */
function lookUp(path: string, root: Json, dot: unknown): unknown {
  if (path === '.') return dot;
  let at: unknown = path.startsWith('$') ? root : dot;
  for (const field of path.replace(/^\$?\./, '').split('.')) at = (at as Json | undefined)?.[field];
  if (at === undefined) throw new Error(`${path} has no value`);
  return at;
}

/** Every field of values that a template reads, such as `cmk.secrets.tls`. */
export function fieldsIn(nodes: readonly Node[]): string[] {
  return nodes.flatMap((node) => {
    if ('text' in node) return [];
    const path = 'print' in node ? node.print : 'when' in node ? node.when : node.over;
    const [, field] = /^\$?\.Values\.(.+)$/.exec(path) ?? [];
    return [...(field === undefined ? [] : [field]), ...('body' in node ? fieldsIn(node.body) : [])];
  });
}
