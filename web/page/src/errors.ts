// Errors in words for the visitor.

import { ConnectionError } from 'livekit-client';
import { AgentMissing, ConnectionLost } from './call';
import { Refused, Unreachable } from './connection-details';

export function explain(error: unknown): string {
  if (error instanceof Refused) {
    return `The call could not be placed: ${error.message}`;
  }
  if (error instanceof AgentMissing) {
    return `${error.message}. Please try again in a moment.`;
  }
  if (error instanceof ConnectionLost) {
    return `${error.message}. Check your network and start a new call.`;
  }
  if (error instanceof ConnectionError) {
    return `The call could not be connected: ${error.message}`;
  }
  if (error instanceof DOMException) {
    return explainBrowser(error);
  }
  if (error instanceof Unreachable) {
    return 'The server could not be reached. Check your network and try again.';
  }
  return `The call failed: ${error instanceof Error ? error.message : String(error)}`;
}

function explainBrowser(error: DOMException): string {
  switch (error.name) {
    case 'NotAllowedError':
      return 'The microphone is not allowed. Allow it for this page in the browser, then start the call again.';
    case 'NotFoundError':
      return 'No microphone was found. Connect one and start the call again.';
    case 'NotReadableError':
      return 'The microphone is in use by another program. Close that and start the call again.';
    case 'TimeoutError':
      return 'The server did not answer in time. Please try again.';
    default:
      return `The browser refused the call: ${error.message}`;
  }
}
