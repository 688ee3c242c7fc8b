// The page as it is before its script has come. The build puts it into index.html, so that what the script shows then is the same.

import { renderToString } from 'preact-render-to-string';
import { DEFAULTS } from './configuration';
import { textsOf } from './texts';
import { App } from './views/app';

export function prerender(): string {
  const page = { configuration: DEFAULTS, texts: textsOf('en'), embedded: false };
  return renderToString(<App page={page} typed="" obstacle={undefined} loaded={false} />);
}
