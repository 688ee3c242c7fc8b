// What can go wrong, and which text tells the visitor. How an error becomes a problem is decided where the error is seen.

import type { Problem as EmailProblem } from './email';
import type { Texts } from './texts';

export type ProblemCode =
  | 'microphone_denied'
  | 'microphone_denied_by_system'
  | 'microphone_missing'
  | 'microphone_in_use'
  | 'microphone_refused'
  | 'insecure_origin'
  | 'old_browser'
  | 'unreachable'
  | 'no_answer'
  | 'bad_answer'
  | 'insecure_media'
  | 'status'
  | 'refused'
  | 'busy'
  | 'not_yours_to_choose'
  | 'internal'
  | 'livekit_unreachable'
  | 'too_many_requests.client'
  | 'too_many_requests.email'
  | 'too_many_requests.all'
  | 'too_many_requests.calls'
  | 'proof'
  | 'proof_unavailable'
  | 'agent_missing'
  | 'agent_gone'
  | 'connection_lost'
  | 'connection_failed'
  | 'unknown';

/** What the server holds against the address. */
export type FieldProblem = Exclude<EmailProblem, 'empty'> | 'required' | 'refused_domain';

export interface Problem {
  code: ProblemCode;
  /** What the text's placeholders stand for. */
  values?: Record<string, string>;
  /** The e-mail field is what is wrong. */
  field?: FieldProblem;
  /** Before this there is no use in trying again, milliseconds since 1970. */
  retryAt?: number;
}

/** In words, `now` being in milliseconds since 1970. */
export function problemText(texts: Texts, { code, values, retryAt }: Problem, now: number): string {
  const when = whenText(texts, retryAt === undefined ? undefined : Math.ceil((retryAt - now) / 1000));
  return texts(`problem.${code}`, { ...values, when });
}

export function fieldText(texts: Texts, problem: FieldProblem, mayBeEmpty: boolean): string {
  const text = texts(`email.${problem}`);
  return mayBeEmpty && problem !== 'required' ? `${text} ${texts('email.leave_empty')}` : text;
}

/** "in 30 seconds"; "in a moment" where it is not known. */
function whenText(texts: Texts, seconds: number | undefined): string {
  if (seconds === undefined || seconds <= 0) return texts('when.moment');
  if (seconds === 1) return texts('when.second');
  if (seconds < 120) return texts('when.seconds', { seconds: String(seconds) });
  return texts('when.minutes', { minutes: String(Math.ceil(seconds / 60)) });
}

/** What `getUserMedia` refuses with. */
export function microphoneProblem(error: DOMException): Problem {
  switch (error.name) {
    case 'NotAllowedError':
      return { code: /system/i.test(error.message) ? 'microphone_denied_by_system' : 'microphone_denied' };
    case 'NotFoundError':
      return { code: 'microphone_missing' };
    case 'NotReadableError':
    case 'AbortError':
      return { code: 'microphone_in_use' };
    default:
      return { code: 'microphone_refused', values: { detail: error.message || error.name } };
  }
}
