// Asks the server for a room of our own.

const ENDPOINT = '/api/connection-details';
const TIME_LIMIT_MS = 10_000;

export interface ConnectionDetails {
  serverUrl: string;
  roomName: string;
  participantName: string;
  participantToken: string;
}

/** The server's refusal, in its own words. */
export class Refused extends Error {}

/** Every call asks anew: a token opens one room, and a room is one call. */
export async function requestConnectionDetails(email: string, ended: AbortSignal): Promise<ConnectionDetails> {
  const response = await fetch(ENDPOINT, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ user_email: email }),
    cache: 'no-store',
    signal: AbortSignal.any([ended, AbortSignal.timeout(TIME_LIMIT_MS)]),
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) {
    throw new Refused(message(answer) ?? `The server answered with status ${response.status}.`);
  }
  if (!isConnectionDetails(answer)) {
    throw new Refused('The server gave an answer that this page does not understand.');
  }
  return answer;
}

function message(answer: unknown): string | undefined {
  if (typeof answer === 'object' && answer !== null && 'message' in answer && typeof answer.message === 'string') {
    return answer.message;
  }
  return undefined;
}

function isConnectionDetails(answer: unknown): answer is ConnectionDetails {
  const fields = answer as Partial<Record<string, unknown>> | undefined;
  return ['serverUrl', 'roomName', 'participantName', 'participantToken'].every(
    (field) => typeof fields?.[field] === 'string',
  );
}
