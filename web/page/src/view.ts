// The page's elements. Their ids, and the data attributes of #status, are what automation relies on.

import type { AgentState } from './call';
import type { Speaker } from './transcript';

export type State = 'idle' | 'connecting' | 'in-call' | 'ended' | 'error';

export const form = element('form', HTMLFormElement);
export const email = element('email', HTMLInputElement);
export const mute = element('mute', HTMLButtonElement);
export const startAudio = element('start-audio', HTMLButtonElement);
export const endCall = element('end-call', HTMLButtonElement);
export const audio = element('audio', HTMLElement);
export const chat = element('chat', HTMLFormElement);
export const message = element('message', HTMLInputElement);

const startCall = element('start-call', HTMLButtonElement);
const notLoaded = element('not-loaded', HTMLElement);
const emailError = element('email-error', HTMLElement);
const call = element('call', HTMLElement);
const transcript = element('transcript', HTMLOListElement);
const sendMessage = element('send-message', HTMLButtonElement);
const status = element('status', HTMLElement);
const error = element('error', HTMLElement);

const AGENT_STATES: Record<AgentState, string> = {
  none: 'Connected',
  joining: 'Waiting for the agent…',
  joined: 'The agent is here',
  initializing: 'The agent is getting ready…',
  idle: 'The agent is here',
  listening: 'The agent is listening',
  thinking: 'The agent is thinking…',
  speaking: 'The agent is speaking',
  left: 'The agent left. Waiting for another one…',
};

/** A call can be placed. */
export function allowStart(): void {
  startCall.disabled = false;
}

/** The page works as it should, or says why not. */
export function showLoaded(): void {
  notLoaded.remove();
}

/** What the visitor sees of the call as a whole. */
export function show(state: State, text = ''): void {
  const active = state === 'connecting' || state === 'in-call';
  form.hidden = active;
  call.hidden = !active;
  mute.disabled = message.disabled = sendMessage.disabled = state !== 'in-call';
  startCall.textContent = state === 'ended' ? 'Start a new call' : 'Start call';
  status.dataset['state'] = state;
  status.textContent = text;
  if (!active) {
    status.dataset['agentState'] = 'none';
    showMuted(false);
    startAudio.hidden = true;
  }
}

export function showAgent(state: AgentState): void {
  status.dataset['agentState'] = state;
  status.textContent = AGENT_STATES[state];
}

/** A segment keeps its place while its text grows. */
export function showSaid(segment: string, speaker: Speaker, text: string): void {
  const shown = [...transcript.children].find((line) => line instanceof HTMLElement && line.dataset['segment'] === segment);
  const line = shown ?? transcript.appendChild(document.createElement('li'));
  if (line instanceof HTMLElement) {
    line.dataset['segment'] = segment;
    line.dataset['speaker'] = speaker;
  }
  line.textContent = text;
  transcript.hidden = false;
  transcript.scrollTop = transcript.scrollHeight;
}

export function clearTranscript(): void {
  transcript.replaceChildren();
  transcript.hidden = true;
  message.value = '';
}

export function showNote(text: string): void {
  status.textContent = text;
}

export function showMuted(muted: boolean): void {
  mute.dataset['muted'] = String(muted);
  mute.textContent = muted ? 'Unmute' : 'Mute';
  mute.setAttribute('aria-label', `${mute.textContent} microphone`);
}

/** Where the keyboard goes when the call's controls are gone. */
export function focusStart(): void {
  startCall.focus();
}

export function showError(text?: string): void {
  fill(error, text);
}

export function showEmailProblem(text?: string): void {
  fill(emailError, text);
  email.setAttribute('aria-invalid', String(text !== undefined));
}

function fill(target: HTMLElement, text?: string): void {
  target.textContent = text ?? '';
  target.hidden = text === undefined;
}

function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) {
    throw new Error(`the page has no #${id}`);
  }
  return found;
}
