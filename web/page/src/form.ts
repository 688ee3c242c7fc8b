// The e-mail form. What was typed is kept for this tab's session under the key that other front ends use as well.

import type { Problem } from './email';

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

/** What is wrong with an address, in words for the visitor. */
export function describe(problem: Problem): string {
  return `${PROBLEMS[problem]} Or leave the field empty.`;
}

const PROBLEMS: Record<Problem, string> = {
  empty: 'The e-mail address is empty.',
  too_long: 'This is too long for an e-mail address. Enter the address alone.',
  name_too_long: 'There are more than 64 characters before the @. Check the address.',
  missing_at: 'The e-mail address has no @. Enter it whole, such as you@company.com.',
  several_ats: 'There is more than one @. Enter one e-mail address.',
  missing_name: 'There is nothing before the @. Enter the address whole.',
  missing_domain: 'There is nothing behind the @. Enter the address whole, such as you@company.com.',
  space: 'There is a space in the e-mail address. Remove the space.',
  dots: 'A dot is at a wrong place, or there are two side by side. Correct the dots.',
  character: 'There is a character in the e-mail address that cannot be there. Remove it.',
  domain: 'What stands behind the @ is no domain. Correct it: it looks like company.com.',
  numeric_domain: 'What stands behind the @ is a number. Enter a domain, such as company.com.',
};
