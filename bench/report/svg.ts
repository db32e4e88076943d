/** A drawing as SVG: shapes and texts with classes, whose colours follow the reader's light or dark mode. */

export type Role = 'echo' | 'gateway' | 'general' | 'ink' | 'faint' | 'goal';

const light: Readonly<Record<Role | 'paper' | 'panel', string>> = {
  paper: '#ffffff',
  panel: '#f8fafc',
  ink: '#0f172a',
  faint: '#64748b',
  echo: '#94a3b8',
  gateway: '#0d9488',
  general: '#d97706',
  goal: '#be123c',
};
const dark: typeof light = {
  paper: '#0f172a',
  panel: '#1e293b',
  ink: '#f1f5f9',
  faint: '#a3b1c6',
  echo: '#8492a6',
  gateway: '#2dd4bf',
  general: '#fbbf24',
  goal: '#fda4af',
};

const rules = (colours: typeof light): string =>
  Object.entries(colours)
    .map(([role, colour]) => `.${role}{fill:${colour}}.line-${role}{stroke:${colour};fill:none}`)
    .join('');

export class Drawing {
  readonly #width: number;
  readonly #height: number;
  readonly #parts: string[] = [];

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
  }

  box(role: Role | 'panel', x: number, y: number, width: number, height: number, radius = 2): void {
    const [w, h] = [Math.max(0, width), Math.max(0, height)];
    this.#parts.push(
      `<rect class="${role}" x="${at(x)}" y="${at(y)}" width="${at(w)}" height="${at(h)}" rx="${radius}"/>`,
    );
  }

  line(
    role: Role,
    points: readonly (readonly [x: number, y: number])[],
    more: { width?: number; dashed?: boolean } = {},
  ): void {
    const path = points.map(([x, y]) => `${at(x)},${at(y)}`).join(' ');
    const dashes = more.dashed === true ? ' stroke-dasharray="5 4"' : '';
    this.#parts.push(
      `<polyline class="line-${role}" stroke-width="${more.width ?? 1}"${dashes} points="${path}"/>`,
    );
  }

  text(
    role: Role,
    x: number,
    y: number,
    content: string,
    more: { size?: number; bold?: boolean; anchor?: 'start' | 'middle' | 'end' } = {},
  ): void {
    const { size = 12, bold = false, anchor = 'start' } = more;
    const weight = bold ? ' font-weight="700"' : '';
    this.#parts.push(
      `<text class="${role}" x="${at(x)}" y="${at(y)}" font-size="${size}" text-anchor="${anchor}"${weight}>${escaped(content)}</text>`,
    );
  }

  toString(title: string, description: string): string {
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${this.#width} ${this.#height}" font-family="'DejaVu Sans', 'Segoe UI', Helvetica, Arial, sans-serif" role="img" aria-labelledby="t d">`,
      `<title id="t">${escaped(title)}</title>`,
      `<desc id="d">${escaped(description)}</desc>`,
      `<style>${rules(light)}@media (prefers-color-scheme: dark){${rules(dark)}}</style>`,
      `<rect class="paper" width="${this.#width}" height="${this.#height}" rx="10"/>`,
      ...this.#parts,
      '</svg>',
      '',
    ].join('\n');
  }
}

const at = (place: number): string => String(Math.round(place * 10) / 10);

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
