// What the browser keeps for the visitor. Where it keeps nothing, or holds something else, only the convenience is lost; what cannot
// be kept is answered with false.

const FORM = 'userFormData';
const THEME = 'theme';

export type Theme = 'system' | 'light' | 'dark';

/** The address kept earlier in this tab, or the empty text. Other pages of the site keep it under the same key. */
export function storedEmail(): string {
  const { email } = storedForm();
  return typeof email === 'string' ? email : '';
}

export function storeEmail(email: string): boolean {
  return keep(() => sessionStorage.setItem(FORM, JSON.stringify({ ...storedForm(), email })));
}

export function storedTheme(): Theme {
  const theme = attempt(() => localStorage.getItem(THEME));
  return theme === 'light' || theme === 'dark' ? theme : 'system';
}

export function storeTheme(theme: Theme): boolean {
  return keep(() => localStorage.setItem(THEME, theme));
}

function storedForm(): Record<string, unknown> {
  const data: unknown = attempt(() => JSON.parse(sessionStorage.getItem(FORM) ?? '{}'));
  return typeof data === 'object' && data !== null ? { ...data } : {};
}

function keep(store: () => void): boolean {
  return attempt(() => (store(), true)) ?? false;
}

function attempt<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch {
    return undefined;
  }
}
