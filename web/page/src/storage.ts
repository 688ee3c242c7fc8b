// What the browser keeps for the visitor. Where it keeps nothing, or holds something else, only the convenience is lost.

const FORM = 'userFormData';
const THEME = 'theme';

export type Theme = 'system' | 'light' | 'dark';

/** The address kept earlier in this tab, or the empty text. Other pages of the site keep it under the same key. */
export function storedEmail(): string {
  const { email } = storedForm();
  return typeof email === 'string' ? email : '';
}

export function storeEmail(email: string): void {
  attempt(() => sessionStorage.setItem(FORM, JSON.stringify({ ...storedForm(), email })));
}

export function storedTheme(): Theme {
  const theme = attempt(() => localStorage.getItem(THEME));
  return theme === 'light' || theme === 'dark' ? theme : 'system';
}

export function storeTheme(theme: Theme): void {
  attempt(() => localStorage.setItem(THEME, theme));
}

function storedForm(): Record<string, unknown> {
  const data: unknown = attempt(() => JSON.parse(sessionStorage.getItem(FORM) ?? '{}'));
  return typeof data === 'object' && data !== null ? { ...data } : {};
}

function attempt<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch {
    return undefined;
  }
}
