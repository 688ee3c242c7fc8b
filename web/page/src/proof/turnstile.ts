// Cloudflare's Turnstile. Its script is fetched when a call is started, and by nobody before.

import { Refused } from '../call/connection-details';

const SCRIPT = 'https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit';
/** Of the script; and of the widget, which may ask the visitor something. */
const SCRIPT_TIME_LIMIT_MS = 10_000;
const TIME_LIMIT_MS = 60_000;

interface Turnstile {
  render(container: HTMLElement, options: { sitekey: string; callback(token: string): void; 'error-callback'(): void }): string;
  remove(widget: string): void;
}

declare global {
  interface Window {
    turnstile?: Turnstile;
  }
}

/** A token is good once, so each call has a widget of its own. */
export async function turnstileToken(siteKey: string, container: HTMLElement, ended: AbortSignal): Promise<string> {
  const turnstile = window.turnstile ?? (await load());
  // Who has hung up meanwhile is not asked anything.
  if (ended.aborted) throw new Refused({ code: 'proof' });
  let widget: string | undefined;
  let timer: number | undefined;
  try {
    return await new Promise<string>((resolve, reject) => {
      const fail = () => reject(new Refused({ code: 'proof' }));
      timer = window.setTimeout(fail, TIME_LIMIT_MS);
      ended.addEventListener('abort', fail, { once: true });
      widget = turnstile.render(container, { sitekey: siteKey, callback: resolve, 'error-callback': fail });
    });
  } finally {
    clearTimeout(timer);
    if (widget !== undefined) turnstile.remove(widget);
  }
}

function load(): Promise<Turnstile> {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    const fail = () => {
      clearTimeout(timer);
      script.remove();
      reject(new Refused({ code: 'proof' }));
    };
    const timer = setTimeout(fail, SCRIPT_TIME_LIMIT_MS);
    script.src = SCRIPT;
    script.onload = () => {
      if (!window.turnstile) return fail();
      clearTimeout(timer);
      resolve(window.turnstile);
    };
    script.onerror = fail;
    document.head.append(script);
  });
}
