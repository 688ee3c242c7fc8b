// What the server tells the page about itself. Without an answer the page is as it is out of the box.

import type { Overrides } from './texts';

export interface Colors {
  light?: { accent?: string };
  dark?: { accent?: string };
}

export type Proof = { kind: 'work' } | { kind: 'turnstile'; site_key: string };

export interface Configuration {
  /** Of the company or product. */
  name: string;
  /** Relative to the page. */
  logo: string | null;
  colors: Colors | null;
  texts: Overrides;
  links: { privacy: string | null; imprint: string | null };
  email: 'required' | 'optional' | 'none';
  /** What the server wants against robots. */
  proof: Proof | null;
}

export const DEFAULTS: Configuration = {
  name: 'postcall',
  logo: null,
  colors: null,
  texts: {},
  links: { privacy: null, imprint: null },
  email: 'optional',
  proof: null,
};

/** The page is shown without it rather than late. */
const TIME_LIMIT_MS = 4_000;

/** The server has checked it; what it left out is the default. */
export async function loadConfiguration(): Promise<Configuration> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIME_LIMIT_MS);
  try {
    const response = await fetch(new URL('api/page-configuration', document.baseURI), {
      cache: 'no-store',
      signal: abort.signal,
    });
    const answer: Partial<Configuration> = response.ok ? await response.json() : {};
    return { ...DEFAULTS, ...answer };
  } catch {
    return DEFAULTS;
  } finally {
    clearTimeout(timer);
  }
}
