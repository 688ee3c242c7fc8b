// What happens to a visitor, from the first click to the end of the call: a state machine that knows neither the page nor LiveKit.

import type { Problem } from './problem';

export type Phase = 'idle' | 'connecting' | 'in-call' | 'ended' | 'error';

/** Of the agent: not there yet, there, or one of the states that agents announce. */
export type AgentState =
  'none' | 'joining' | 'joined' | 'initializing' | 'idle' | 'listening' | 'thinking' | 'speaking' | 'left';

export type Quality = 'unknown' | 'excellent' | 'good' | 'poor' | 'lost';

/** Lost: it was unplugged, or taken away, and no other one took its place. */
export type MicrophoneState = 'on' | 'muted' | 'lost';

export type Speaker = 'agent' | 'visitor';

/** Why a call ended that nothing went wrong with; the words are those of the payload. */
export type EndReason =
  | 'participant_left'
  | 'agent_ended'
  | 'time_limit'
  | 'budget_spent'
  | 'participant_absent'
  | 'provider_failed'
  | 'participant_removed'
  | 'room_closed'
  | 'elsewhere';

/** A segment of the conversation; it keeps its place while its text grows. */
export interface Line {
  segment: string;
  speaker: Speaker;
  text: string;
  at: number;
}

/** What is told once, and goes away by itself. */
export type Notice =
  { text: 'agent_back' | 'restored' | 'send.failed' | 'device.failed' } | { text: 'microphone_back'; device: string };

export interface Visit {
  phase: Phase;
  agent: AgentState;
  /** An agent has been there in this call. */
  hadAgent: boolean;
  reconnecting: boolean;
  quality: Quality;
  microphone: MicrophoneState;
  /** The browser does not play sound until the visitor has allowed it. */
  audioBlocked: boolean;
  lines: Line[];
  notice?: Notice | undefined;
  connectedAt?: number;
  endedAt?: number;
  end?: EndReason;
  problem?: Problem;
}

/** `at` is in milliseconds since 1970. */
export type Event =
  | { type: 'start' }
  | { type: 'connected'; at: number }
  | { type: 'agent'; state: AgentState }
  | { type: 'reconnecting'; active: boolean }
  | { type: 'quality'; quality: Quality }
  | { type: 'microphone'; state: MicrophoneState; device?: string }
  | { type: 'audio-blocked'; blocked: boolean }
  | { type: 'said'; segment: string; speaker: Speaker; text: string; at: number }
  | { type: 'notice'; notice?: Notice }
  | { type: 'ended'; reason: EndReason; at: number }
  | { type: 'failed'; problem: Problem; at: number }
  | { type: 'back' };

export const IDLE: Visit = {
  phase: 'idle',
  agent: 'none',
  hadAgent: false,
  reconnecting: false,
  quality: 'unknown',
  microphone: 'on',
  audioBlocked: false,
  lines: [],
};

export function next(visit: Visit, event: Event): Visit {
  const active = visit.phase === 'connecting' || visit.phase === 'in-call';
  switch (event.type) {
    case 'start':
      return active ? visit : { ...IDLE, phase: 'connecting' };
    case 'back':
      return active ? visit : IDLE;
    default:
      // What a call that is over still says changes nothing.
      return active ? during(visit, event) : visit;
  }
}

function during(visit: Visit, event: Exclude<Event, { type: 'start' | 'back' }>): Visit {
  switch (event.type) {
    case 'connected':
      return { ...visit, phase: 'in-call', connectedAt: event.at };
    case 'agent':
      return withAgent(visit, event.state);
    case 'reconnecting':
      return event.active
        ? { ...visit, reconnecting: true, notice: undefined }
        : { ...visit, reconnecting: false, notice: visit.reconnecting ? { text: 'restored' } : visit.notice };
    case 'quality':
      return { ...visit, quality: event.quality };
    case 'microphone':
      return withMicrophone(visit, event.state, event.device ?? '');
    case 'audio-blocked':
      return { ...visit, audioBlocked: event.blocked };
    case 'said':
      return { ...visit, lines: withLine(visit.lines, event) };
    case 'notice':
      return { ...visit, notice: event.notice };
    case 'ended':
      return { ...over(visit, event.at), phase: 'ended', end: event.reason };
    case 'failed':
      return { ...over(visit, event.at), phase: 'error', problem: event.problem };
  }
}

/** Whether there was a conversation, about which there is something to say when it is over. */
export function hadConversation({ phase, connectedAt, hadAgent }: Visit): boolean {
  return phase === 'ended' ? connectedAt !== undefined : phase === 'error' && hadAgent;
}

export function durationSeconds({ connectedAt, endedAt }: Visit): number {
  return connectedAt === undefined || endedAt === undefined ? 0 : Math.max(0, Math.round((endedAt - connectedAt) / 1000));
}

/** The key of the text that says what goes on; undefined where there is nothing to say. */
export function statusKey({ phase, reconnecting, agent }: Visit) {
  switch (phase) {
    case 'connecting':
      return 'status.connecting';
    case 'in-call':
      if (reconnecting) return 'status.reconnecting';
      return agent === 'none' ? 'status.connecting' : (`agent.${agent}` as const);
    case 'ended':
      return 'status.ended';
    default:
      return undefined;
  }
}

function withAgent(visit: Visit, agent: AgentState): Visit {
  const here = !['none', 'joining', 'left'].includes(agent);
  const isBack = here && visit.agent === 'left';
  return {
    ...visit,
    agent,
    hadAgent: visit.hadAgent || here,
    notice: isBack ? { text: 'agent_back' } : visit.notice,
  };
}

function withMicrophone(visit: Visit, microphone: MicrophoneState, device: string): Visit {
  const isBack = visit.microphone === 'lost' && microphone !== 'lost';
  return { ...visit, microphone, notice: isBack ? { text: 'microphone_back', device } : visit.notice };
}

function withLine(lines: Line[], { segment, speaker, text, at }: Line): Line[] {
  const known = lines.some((line) => line.segment === segment);
  return known
    ? lines.map((line) => (line.segment === segment ? { ...line, text } : line))
    : [...lines, { segment, speaker, text, at }];
}

function over(visit: Visit, at: number): Visit {
  return { ...visit, agent: 'none', reconnecting: false, audioBlocked: false, notice: undefined, endedAt: at };
}
