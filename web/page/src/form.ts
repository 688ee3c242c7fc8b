// The e-mail form. What was typed is kept for this tab's session under the key that other front ends use as well.

const STORAGE_KEY = 'userFormData';

/** The address kept earlier in this tab, or the empty text. */
export function storedEmail(): string {
  try {
    const data: unknown = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? '{}');
    const email = typeof data === 'object' && data !== null && 'email' in data ? data.email : '';
    return typeof email === 'string' ? email : '';
  } catch {
    // Storage is off, or holds something else: the visitor types the address again.
    return '';
  }
}

export function storeEmail(email: string): void {
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify({ email }));
  } catch {
    // Only the convenience is lost.
  }
}

/** Why this is no e-mail address, in words for the visitor; undefined if it is one, or empty. The server decides. */
export function emailProblem(email: string): string | undefined {
  if (email === '' || /^[^\s@]+@[^\s@]+$/.test(email)) {
    return undefined;
  }
  return 'This does not look like an e-mail address. Check it, or leave it empty.';
}
