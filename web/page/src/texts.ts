// The page's words: one file for each language, and what the configuration puts in their place.

import de from '../texts/de.json';
import en from '../texts/en.json';

export type Key = keyof typeof en;
export type Language = keyof typeof LANGUAGES;
export type Overrides = Partial<Record<string, Partial<Record<string, string>>>>;

/** The text of a key, its `{placeholders}` filled in. */
export type Texts = (key: Key, values?: Record<string, string>) => string;

const LANGUAGES = { en, de };

/** The language that the address asks for, else the first that the visitor reads. */
export function chooseLanguage(search: string, preferred: readonly string[]): Language {
  const asked = new URLSearchParams(search).get('lang');
  for (const language of [asked ?? '', ...preferred]) {
    const [primary = ''] = language.toLowerCase().split('-');
    if (isLanguage(primary)) return primary;
  }
  return 'en';
}

export function textsOf(language: Language, overrides: Overrides = {}): Texts {
  const texts: Partial<Record<string, string>> = { ...LANGUAGES[language], ...overrides[language] };
  return (key, values = {}) => (texts[key] ?? key).replace(/\{(\w+)\}/g, (placeholder, name) => values[name] ?? placeholder);
}

function isLanguage(text: string): text is Language {
  return Object.hasOwn(LANGUAGES, text);
}
