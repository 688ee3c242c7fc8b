// Asks the server for a room of our own.

import type { FieldProblem, Problem } from '../problem';
import { isRecord } from '../record';

/** Beside the page, wherever that is. */
const ENDPOINT = 'api/connection-details';
const TIME_LIMIT_MS = 10_000;

export interface ConnectionDetails {
  serverUrl: string;
  participantToken: string;
}

/** No room was given; why, for the visitor. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.code);
  }
}

/** Every call asks anew: a token opens one room, and a room is one call. */
export async function requestConnectionDetails(
  email: string,
  proof: string | undefined,
  ended: AbortSignal,
): Promise<ConnectionDetails> {
  const response = await post({ user_email: email }, proof, ended);
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) {
    throw new Refused(refusal(response.status, response.headers.get('Retry-After'), answer, Date.now()));
  }
  if (!isConnectionDetails(answer)) {
    throw new Refused({ code: 'bad_answer' });
  }
  if (isBlocked(answer.serverUrl)) {
    throw new Refused({ code: 'insecure_media' });
  }
  return answer;
}

/** What the visitor is told of an answer that gives no room. Proxies do not answer in JSON. */
export function refusal(status: number, retryAfter: string | null, answer: unknown, now: number): Problem {
  const { code, limit, reason, detail, retry_after_seconds } = isRecord(answer) ? answer : {};
  const seconds = Number(retry_after_seconds ?? retryAfter ?? NaN);
  const retry = seconds > 0 ? { retryAt: now + seconds * 1000 } : {};
  switch (code) {
    case 'invalid_email':
      return { code: 'refused', field: fieldProblem(reason), ...detailed(detail) };
    case 'email_required':
      return { code: 'refused', field: 'required', ...detailed(detail) };
    case 'email_domain_refused':
      return { code: 'refused', field: 'refused_domain', ...detailed(detail) };
    case 'too_many_requests':
      return { code: `too_many_requests.${isLimit(limit) ? limit : 'client'}`, ...retry };
    case 'proof_required':
    case 'proof_refused':
      return { code: 'proof' };
    case 'proof_unavailable':
    case 'livekit_unreachable':
      return { code, ...retry };
    case 'not_yours_to_choose':
    case 'other_agent':
      return { code: 'not_yours_to_choose' };
    case 'internal':
      return { code: 'internal' };
  }
  if (status === 429 || status === 503) return { code: 'busy', ...retry };
  const told = detailed(detail);
  return told.values ? { code: 'refused', ...told } : { code: 'status', values: { status: String(status) } };
}

async function post(body: object, proof: string | undefined, ended: AbortSignal): Promise<Response> {
  // Not `AbortSignal.any`: browsers have it since 2024 only.
  const abort = new AbortController();
  const end = () => abort.abort();
  ended.addEventListener('abort', end, { once: true });
  // A signal tells nobody who asks later.
  if (ended.aborted) end();
  let isLate = false;
  const timer = setTimeout(() => abort.abort((isLate = true)), TIME_LIMIT_MS);
  try {
    const response = await fetch(new URL(ENDPOINT, document.baseURI), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...(proof === undefined ? {} : { 'X-Proof': proof }) },
      body: JSON.stringify(body),
      cache: 'no-store',
      signal: abort.signal,
    });
    // The answer is small: what is to come of it is held to the same limit.
    return new Response(await response.text(), response);
  } catch {
    throw new Refused({ code: isLate ? 'no_answer' : 'unreachable' });
  } finally {
    clearTimeout(timer);
    ended.removeEventListener('abort', end);
  }
}

const EMAIL_PROBLEMS: readonly FieldProblem[] = [
  'too_long',
  'name_too_long',
  'missing_at',
  'several_ats',
  'missing_name',
  'missing_domain',
  'space',
  'dots',
  'character',
  'domain',
  'numeric_domain',
];

function fieldProblem(reason: unknown): FieldProblem {
  if (reason === 'empty') return 'required';
  return EMAIL_PROBLEMS.find((known) => known === reason) ?? 'character';
}

type Limit = 'client' | 'email' | 'all' | 'calls';

function isLimit(limit: unknown): limit is Limit {
  return ['client', 'email', 'all', 'calls'].includes(String(limit));
}

function detailed(detail: unknown): { values?: Record<string, string> } {
  return typeof detail === 'string' && detail !== '' ? { values: { detail } } : {};
}

/** Browsers let a page that is opened over https connect to nothing that is not secure, but to the machine itself. */
function isBlocked(serverUrl: string): boolean {
  const { protocol, hostname } = new URL(serverUrl);
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return window.location.protocol === 'https:' && ['ws:', 'http:'].includes(protocol) && !local;
}

function isConnectionDetails(answer: unknown): answer is ConnectionDetails {
  const { serverUrl, participantToken } = isRecord(answer) ? answer : {};
  return typeof participantToken === 'string' && typeof serverUrl === 'string' && isUrl(serverUrl);
}

/** Not `URL.canParse`: browsers have it since 2023 only. */
function isUrl(text: string): boolean {
  try {
    return new URL(text).href !== '';
  } catch {
    return false;
  }
}
