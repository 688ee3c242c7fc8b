// The one form of an e-mail address, and why a text is none. The server decides the same: schemas/src/email, and the table
// schemas/email-cases.json holds for both.

export type Problem =
  | 'empty'
  | 'too_long'
  | 'name_too_long'
  | 'missing_at'
  | 'several_ats'
  | 'missing_name'
  | 'missing_domain'
  | 'space'
  | 'dots'
  | 'character'
  | 'domain'
  | 'numeric_domain';

const LONGEST = 254;
const LONGEST_NAME = 64;
const LONGEST_LABEL = 63;
/** Longest text that may hold an address with a person's name, in characters. */
const LONGEST_TEXT = 1000;

const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
/** What Rust trims as well: JavaScript does not count U+0085 as white space, and counts U+FEFF, which is invisible. */
const SPACE = /[\s\u0085]/u;
const SPACE_AROUND = /^[\s\u0085]+|[\s\u0085]+$/gu;
const CONTROL = /\p{Cc}/u;
/** Input methods and word processors put these in the place of others. */
const TYPED: [RegExp, string][] = [
  [/[\u3002\uff61\ufe52]/gu, '.'],
  [/\ufe6b/gu, '@'],
  [/[\u2018\u2019\u02bc]/gu, "'"],
  [/[\u2010\u2011]/gu, '-'],
];
/** Marks that come in pairs around an address where it is copied from. */
const PAIRS = ['""', "''", '``', '()', '[]', '{}', '\u201c\u201d', '\u201e\u201c', '\u00ab\u00bb', '\u300c\u300d'];
const NAME = /^[\w!#$%&'*+/=?^`{|}~.\-]*$/;
const LETTER_OR_DIGIT = /[\p{L}\p{M}\p{N}]/gu;

/** The address in its one form, or what is wrong with it. */
export function parseEmail(text: string): { email: string } | { problem: Problem } {
  const cleaned = clean(text);
  if (cleaned === undefined) return { problem: 'too_long' };
  const at = cleaned.lastIndexOf('@');
  if (cleaned === '' || at < 0) return { problem: cleaned === '' ? 'empty' : 'missing_at' };
  const name = cleaned.slice(0, at);
  const domain = parseDomain(cleaned.slice(at + 1));
  const problem = nameProblem(name) ?? domain.problem;
  if (problem !== undefined) return { problem };
  const email = `${name}@${domain.domain}`;
  return bytes(email) > LONGEST ? { problem: 'too_long' } : { email };
}

function clean(text: string): string | undefined {
  for (let before = plain(text); before !== undefined; ) {
    const stripped = strip(before);
    if (stripped === before) return before;
    before = plain(stripped);
  }
  return undefined;
}

/** Without what cannot be seen, with its characters composed, and without space around it. */
function plain(text: string): string | undefined {
  let seen = text.normalize('NFC').replace(INVISIBLE, '');
  seen = seen.replace(/[\uff01-\uff5e]/gu, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0));
  for (const [characters, meant] of TYPED) {
    seen = seen.replace(characters, meant);
  }
  seen = seen.replace(SPACE_AROUND, '').normalize('NFC');
  return [...seen].length <= LONGEST_TEXT ? seen : undefined;
}

/** One thing less around the address, where there is one. */
function strip(text: string): string {
  if (/^mailto:/i.test(text)) {
    const [address = ''] = text.slice('mailto:'.length).split('?');
    try {
      return decodeURIComponent(address);
    } catch {
      return address;
    }
  }
  if (/[,;]$/.test(text)) return text.slice(0, -1);
  const named = /^[^<>]*<([^<>]*)>$/s.exec(text);
  if (named) return named[1] ?? '';
  for (const [open = '', close = ''] of PAIRS) {
    if (text.length > 1 && text.startsWith(open) && text.endsWith(close)) return text.slice(1, -1);
  }
  return /(^|[^.])\.$/s.test(text) ? text.slice(0, -1) : text;
}

function nameProblem(name: string): Problem | undefined {
  if (name === '') return 'missing_name';
  if (/^".+"$/s.test(name)) {
    if (CONTROL.test(name) || !/^(?:[^"\\]|\\.)*$/su.test(name.slice(1, -1))) return 'character';
  } else {
    if (name.includes('@')) return 'several_ats';
    if (SPACE.test(name)) return 'space';
    if (dotsAreWrong(name)) return 'dots';
    if (!NAME.test(name.replace(LETTER_OR_DIGIT, ''))) return 'character';
  }
  return bytes(name) > LONGEST_NAME ? 'name_too_long' : undefined;
}

function parseDomain(domain: string): { domain: string; problem?: undefined } | { domain?: undefined; problem: Problem } {
  if (domain === '') return { problem: 'missing_domain' };
  if (SPACE.test(domain)) return { problem: 'space' };
  if (domain.startsWith('[')) return { problem: 'numeric_domain' };
  if (dotsAreWrong(domain)) return { problem: 'dots' };
  const labels = toAscii(domain)?.split('.');
  if (labels && /^\d+$/.test(labels.at(-1) ?? '')) return { problem: 'numeric_domain' };
  const known = labels && labels.length > 1 && labels.every(isLabel);
  return known ? { domain: labels.join('.') } : { problem: 'domain' };
}

function isLabel(label: string): boolean {
  return label.length <= LONGEST_LABEL && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label);
}

/** The domain as DNS knows it; undefined where it cannot be there. */
function toAscii(domain: string): string | undefined {
  const lower = domain.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  if (/^[\0-\x7f]*$/.test(lower) && !lower.includes('xn--')) return lower;
  // A URL would take these for its own.
  if (/[\0-,/:-`{-\x7f]/.test(lower)) return undefined;
  try {
    return new URL(`http://${lower}/`).hostname;
  } catch {
    return undefined;
  }
}

function dotsAreWrong(part: string): boolean {
  return /^\.|\.$|\.\./.test(part);
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
