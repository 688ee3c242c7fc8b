// Asks the server for a room of our own.

/** Beside the page, wherever that is. */
const ENDPOINT = new URL('api/connection-details', document.baseURI);
const TIME_LIMIT_MS = 10_000;

export interface ConnectionDetails {
  serverUrl: string;
  roomName: string;
  participantName: string;
  participantToken: string;
}

/** The server's refusal, in its own words. */
export class Refused extends Error {}

/** No answer came. */
export class Unreachable extends Error {}

/** Every call asks anew: a token opens one room, and a room is one call. */
export async function requestConnectionDetails(email: string, ended: AbortSignal): Promise<ConnectionDetails> {
  const response = await post({ user_email: email }, ended);
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) {
    throw new Refused(message(answer) ?? withoutWords(response));
  }
  if (!isConnectionDetails(answer)) {
    throw new Refused('The server gave an answer that this page does not understand.');
  }
  if (isBlocked(answer.serverUrl)) {
    throw new Refused('Its media server has no secure address. Please tell those who run this page to set LIVEKIT_PUBLIC_URL.');
  }
  return answer;
}

async function post(body: object, ended: AbortSignal): Promise<Response> {
  // Not `AbortSignal.any`: browsers have it since 2024 only.
  const abort = new AbortController();
  const end = () => abort.abort(ended.reason);
  ended.addEventListener('abort', end, { once: true });
  const timer = setTimeout(() => abort.abort(new DOMException('no answer in time', 'TimeoutError')), TIME_LIMIT_MS);
  try {
    const response = await fetch(ENDPOINT, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      cache: 'no-store',
      signal: abort.signal,
    });
    // The answer is small: what is to come of it is held to the same limit.
    return new Response(await response.text(), response);
  } catch (error) {
    throw error instanceof TypeError ? new Unreachable() : error;
  } finally {
    clearTimeout(timer);
    ended.removeEventListener('abort', end);
  }
}

/** Of a proxy, which does not answer in JSON. */
function withoutWords({ status, headers }: Response): string {
  const seconds = Number(headers.get('Retry-After') ?? NaN);
  if (status === 429 || status === 503) {
    return `The server has too much to do. Try again ${seconds > 0 ? `in ${seconds} seconds` : 'in a moment'}.`;
  }
  return `The server answered with status ${status}.`;
}

/** Browsers let a page that is opened over https connect to nothing that is not secure, but to the machine itself. */
function isBlocked(serverUrl: string): boolean {
  const { protocol, hostname } = new URL(serverUrl);
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return window.location.protocol === 'https:' && ['ws:', 'http:'].includes(protocol) && !local;
}

function message(answer: unknown): string | undefined {
  if (typeof answer === 'object' && answer !== null && 'message' in answer && typeof answer.message === 'string') {
    return answer.message;
  }
  return undefined;
}

function isConnectionDetails(answer: unknown): answer is ConnectionDetails {
  const fields = answer as Partial<Record<string, unknown>> | undefined;
  const complete = ['serverUrl', 'roomName', 'participantName', 'participantToken'].every(
    (field) => typeof fields?.[field] === 'string',
  );
  return complete && isUrl(String(fields?.['serverUrl']));
}

/** Not `URL.canParse`: browsers have it since 2023 only. */
function isUrl(text: string): boolean {
  try {
    return new URL(text).href !== '';
  } catch {
    return false;
  }
}
