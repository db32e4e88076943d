// Policies of OpenBao, as far as the double of its KV engine needs them: paths with `+` and a last `*`, capabilities.

export type Capability = 'create' | 'read' | 'update' | 'delete';

export interface PolicyRule {
  readonly path: string;
  readonly capabilities: readonly string[];
}

const RULE = /path\s+"([^"]+)"\s*\{\s*capabilities\s*=\s*\[([^\]]*)\]\s*\}/g;
const COMMENT = /#.*$/gm;

/** @throws Error for a policy without rules, or with anything besides. */
export function parsePolicy(hcl: string): PolicyRule[] {
  const text = hcl.replaceAll(COMMENT, '');
  const rules = [...text.matchAll(RULE)].map(([, path = '', list = '']) => ({
    path,
    capabilities: [...list.matchAll(/"([a-z]+)"/g)].map(([, capability = '']) => capability),
  }));
  const rest = text.replaceAll(RULE, '').trim();
  if (rules.length === 0 || rest !== '') throw new Error(`this is no policy: ${rest}`);
  return rules;
}

/** The one longest pattern that matches says, and no other. */
export function isAllowed(rules: readonly PolicyRule[], path: string, capability: Capability): boolean {
  const [first] = rules
    .filter((rule) => patternOf(rule.path).test(path))
    .sort((a, b) => b.path.length - a.path.length);
  return first?.capabilities.includes(capability) ?? false;
}

function patternOf(path: string): RegExp {
  const open = path.endsWith('*');
  const parts = (open ? path.slice(0, -1) : path)
    .split('/')
    .map((part) => (part === '+' ? '[^/]+' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${parts.join('/')}${open ? '.*' : ''}$`);
}
