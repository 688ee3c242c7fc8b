// What the server wants to see before it gives a room: work, or a widget's word. The value of the header `X-Proof`.

import { Refused } from '../call/connection-details';
import type { Proof } from '../configuration';
import { isRecord } from '../record';
import { turnstileToken } from './turnstile';

/** The worker's bundle, relative to the page; the build puts it in. */
declare const PROOF_WORKER: string;

export async function prove(proof: Proof | null, container: HTMLElement, ended: AbortSignal): Promise<string | undefined> {
  switch (proof?.kind) {
    case 'work':
      return `work ${await work(ended)}`;
    case 'turnstile':
      return `turnstile ${await turnstileToken(proof.site_key, container, ended)}`;
    default:
      return undefined;
  }
}

async function work(ended: AbortSignal): Promise<string> {
  const { challenge, difficulty } = await requestChallenge(ended);
  const worker = new Worker(new URL(PROOF_WORKER, document.baseURI));
  try {
    const nonce = await new Promise<number>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<number>) => resolve(data);
      worker.onerror = () => reject(new Refused({ code: 'proof' }));
      ended.addEventListener('abort', () => reject(new Refused({ code: 'proof' })), { once: true });
      worker.postMessage({ challenge, difficulty });
    });
    return `${challenge}.${nonce}`;
  } finally {
    worker.terminate();
  }
}

async function requestChallenge(ended: AbortSignal): Promise<{ challenge: string; difficulty: number }> {
  const url = new URL('api/proof', document.baseURI);
  const response = await fetch(url, { cache: 'no-store', signal: ended }).catch(() => {
    throw new Refused({ code: 'unreachable' });
  });
  const answer: unknown = await response.json().catch(() => undefined);
  const { challenge, difficulty } = isRecord(answer) ? answer : {};
  if (typeof challenge !== 'string' || typeof difficulty !== 'number') throw new Refused({ code: 'proof' });
  return { challenge, difficulty };
}
