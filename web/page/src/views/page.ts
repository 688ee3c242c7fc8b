// What every view may need to know of the page that it is in.

import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Configuration } from '../configuration';
import type { Texts } from '../texts';

export interface Page {
  configuration: Configuration;
  texts: Texts;
  /** In a frame of another site, which can close it. */
  embedded: boolean;
}

export const PageContext = createContext<Page | undefined>(undefined);

export function usePage(): Page {
  const page = useContext(PageContext);
  if (!page) throw new Error('a view is outside of the page');
  return page;
}
