// Light, dark, or as the system is; and the colours of the configuration. All by the style's own variables.

import type { Colors } from './configuration';
import type { Theme } from './storage';

export function applyTheme(theme: Theme): void {
  const root = document.documentElement;
  if (theme === 'system') {
    delete root.dataset['theme'];
  } else {
    root.dataset['theme'] = theme;
  }
}

/** An accent for each theme, and the text that can be read on it. */
export function applyColors(colors: Colors): void {
  for (const theme of ['light', 'dark'] as const) {
    const accent = colors[theme]?.accent;
    if (accent === undefined) continue;
    document.documentElement.style.setProperty(`--accent-${theme}`, accent);
    document.documentElement.style.setProperty(`--on-accent-${theme}`, textOn(accent));
  }
}

/** White or black, whichever is easier to read on a colour such as `#1f7a54`. */
export function textOn(color: string): '#ffffff' | '#000000' {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((start) => linear(parseInt(color.slice(start, start + 2), 16) / 255));
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? '#ffffff' : '#000000';
}

/** Of an sRGB channel, by WCAG 2. */
function linear(channel: number): number {
  return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
}
