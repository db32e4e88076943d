import { useState } from 'react';
import { chooseTheme, readTheme, type Theme } from '../theme.ts';

const THEMES: readonly (readonly [Theme, string])[] = [
  ['system', 'As the system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

export function ThemeSwitch() {
  const [theme, setTheme] = useState(readTheme);
  return (
    <label className="theme-switch">
      <span className="sr-only">Theme</span>
      <select
        value={theme}
        onChange={({ target }) => {
          const chosen = THEMES.find(([each]) => each === target.value)?.[0] ?? 'system';
          chooseTheme(chosen);
          setTheme(chosen);
        }}
      >
        {THEMES.map(([each, title]) => (
          <option key={each} value={each}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}
