// One call: the microphone, a room of its own, the agent in it. It knows nothing of the page; it tells a listener.

import {
  ConnectionError,
  ConnectionState,
  type RemoteParticipant,
  type RemoteTrack,
  Room,
  RoomEvent,
  Track,
  setLogLevel,
} from 'livekit-client';
import { type Problem, microphoneProblem } from '../problem';
import type { AgentState, Event, Quality } from '../visit';
import { Refused, requestConnectionDetails } from './connection-details';
import { endReason, isAgents } from './ending';
import { Microphone } from './microphone';
import { followTranscript } from './transcript';

const AGENT_TIME_LIMIT_MS = 20_000;
const AGENT_STATE_ATTRIBUTE = 'lk.agent.state';
const END_REASON_ATTRIBUTE = 'postcall.end_reason';
const CHAT_TOPIC = 'lk.chat';

// What goes wrong is told to the visitor; the SDK would tell the console of each call that ends, too.
setLogLevel('silent');

export interface Listener {
  tell(event: Event): void;
  /** What one side sounds like, for who shows it; undefined when there is nothing to hear any more. */
  sound(whose: 'agent' | 'visitor', track: MediaStreamTrack | undefined): void;
}

export interface CallOptions {
  email: string;
  /** The microphone to begin with, else the browser's own choice. */
  device: string | undefined;
  /** What the server wants against robots, if it wants anything. */
  prove: (ended: AbortSignal) => Promise<string | undefined>;
  audioContainer: HTMLElement;
}

export class Call {
  private readonly room = new Room();
  private readonly abort = new AbortController();
  private microphone: Microphone | undefined;
  private agent: RemoteParticipant | undefined;
  private hadAgent = false;
  private agentTimer: number | undefined;
  private announcedEnd: string | undefined;
  private connected = false;
  private over = false;

  constructor(
    private readonly options: CallOptions,
    private readonly listener: Listener,
  ) {
    followTranscript(this.room, (segment, speaker, text) =>
      this.tell({ type: 'said', segment, speaker, text, at: Date.now() }),
    );
    this.room
      .on(RoomEvent.ParticipantConnected, (participant) => this.welcome(participant))
      .on(RoomEvent.ParticipantDisconnected, (participant) => this.part(participant))
      .on(RoomEvent.ParticipantAttributesChanged, (_, participant) => {
        if (participant === this.agent) this.announceAgent();
      })
      .on(RoomEvent.TrackSubscribed, (track, _, participant) => this.play(track, participant))
      .on(RoomEvent.TrackUnsubscribed, (track, _, participant) => {
        track.detach().forEach((element) => element.remove());
        if (participant === this.agent && !this.over) this.listener.sound('agent', undefined);
      })
      .on(RoomEvent.AudioPlaybackStatusChanged, () =>
        this.tell({ type: 'audio-blocked', blocked: !this.room.canPlaybackAudio }),
      )
      .on(RoomEvent.ConnectionQualityChanged, (quality, participant) => {
        if (participant === this.room.localParticipant) this.tell({ type: 'quality', quality: quality as Quality });
      })
      .on(RoomEvent.Reconnecting, () => this.tell({ type: 'reconnecting', active: true }))
      .on(RoomEvent.SignalReconnecting, () => this.tell({ type: 'reconnecting', active: true }))
      .on(RoomEvent.Reconnected, () => this.tell({ type: 'reconnecting', active: false }))
      .on(RoomEvent.Disconnected, (reason) => {
        // Before the first connection, connect() itself fails, and says why.
        if (!this.connected) return;
        const ended = endReason(reason, this.announcedEnd);
        this.finish(ended ? { type: 'ended', reason: ended, at: Date.now() } : failed({ code: 'connection_lost' }));
      });
  }

  /** The microphone comes first: a visitor who does not allow it leaves no empty room behind. */
  async start(): Promise<void> {
    try {
      this.microphone = await Microphone.open(this.options.device, {
        state: (state, device) => this.tell({ type: 'microphone', state, device }),
        sound: (track) => {
          if (!this.over) this.listener.sound('visitor', track);
        },
      });
      if (this.over) return this.microphone.stop();
      // Who speaks before the agent is there is heard by it, too.
      this.microphone.track.startPreConnectBuffer();
      const proof = await this.options.prove(this.abort.signal);
      const details = await requestConnectionDetails(this.options.email, proof, this.abort.signal);
      if (this.over) return;
      await this.room.connect(details.serverUrl, details.participantToken);
      if (this.over) return;
      this.connected = true;
      this.tell({ type: 'connected', at: Date.now() });
      this.awaitAgent('joining');
      this.room.remoteParticipants.forEach((participant) => this.welcome(participant));
      await this.room.localParticipant.publishTrack(this.microphone.track, {
        source: Track.Source.Microphone,
        preConnectBuffer: true,
      });
    } catch (error) {
      await this.leave(failed(problemOf(error)));
    }
  }

  async setMuted(muted: boolean): Promise<void> {
    await this.microphone?.setMuted(muted);
  }

  async chooseMicrophone(device: string): Promise<void> {
    await this.microphone?.choose(device).catch(() => this.tell({ type: 'notice', notice: { text: 'device.failed' } }));
  }

  /** A typed message is a turn of the conversation. Says whether it went. */
  async type(text: string): Promise<boolean> {
    try {
      const { id } = await this.room.localParticipant.sendText(text, { topic: CHAT_TOPIC });
      this.tell({ type: 'said', segment: id, speaker: 'visitor', text, at: Date.now() });
      return true;
    } catch {
      this.tell({ type: 'notice', notice: { text: 'send.failed' } });
      return false;
    }
  }

  /** Has to be called in the handler of a click. */
  async startAudio(): Promise<void> {
    await this.room.startAudio();
  }

  async hangUp(): Promise<void> {
    await this.leave({ type: 'ended', reason: 'participant_left', at: Date.now() });
  }

  private async leave(event: Event): Promise<void> {
    this.finish(event);
    if (this.room.state !== ConnectionState.Disconnected) {
      await this.room.disconnect();
    }
  }

  private finish(event: Event): void {
    if (this.over) return;
    this.listener.tell(event);
    this.over = true;
    this.abort.abort();
    clearTimeout(this.agentTimer);
    this.microphone?.stop();
    this.options.audioContainer.replaceChildren();
    this.listener.sound('agent', undefined);
    this.listener.sound('visitor', undefined);
  }

  private tell(event: Event): void {
    if (!this.over) this.listener.tell(event);
  }

  private awaitAgent(state: 'joining' | 'left'): void {
    this.tell({ type: 'agent', state });
    clearTimeout(this.agentTimer);
    const problem: Problem = { code: this.hadAgent ? 'agent_gone' : 'agent_missing' };
    this.agentTimer = window.setTimeout(() => void this.leave(failed(problem)), AGENT_TIME_LIMIT_MS);
  }

  private welcome(participant: RemoteParticipant): void {
    if (this.over || this.agent || !participant.isAgent) return;
    this.agent = participant;
    this.hadAgent = true;
    clearTimeout(this.agentTimer);
    this.announceAgent();
    participant.audioTrackPublications.forEach(({ track }) => this.show(track));
  }

  /** An agent that goes may be followed by another one, for as long as a first one may take. */
  private part(participant: RemoteParticipant): void {
    if (this.over || participant !== this.agent) return;
    this.agent = undefined;
    // Where the room stays when the agent has ended the call, nobody is left to talk to.
    if (isAgents(this.announcedEnd)) return void this.leave({ type: 'ended', reason: this.announcedEnd, at: Date.now() });
    this.announcedEnd = undefined;
    this.awaitAgent('left');
    this.room.remoteParticipants.forEach((other) => this.welcome(other));
  }

  private announceAgent(): void {
    const attributes = this.agent?.attributes ?? {};
    this.announcedEnd = attributes[END_REASON_ATTRIBUTE];
    const state = attributes[AGENT_STATE_ATTRIBUTE];
    this.tell({ type: 'agent', state: isAgentState(state) ? state : 'joined' });
  }

  private play(track: RemoteTrack, participant: RemoteParticipant): void {
    if (track.kind !== Track.Kind.Audio || this.over) return;
    this.options.audioContainer.append(track.attach());
    if (participant === this.agent) this.show(track);
  }

  private show(track: Track | undefined): void {
    if (track?.kind === Track.Kind.Audio) this.listener.sound('agent', track.mediaStreamTrack);
  }
}

function failed(problem: Problem): Event {
  return { type: 'failed', problem, at: Date.now() };
}

function problemOf(error: unknown): Problem {
  if (error instanceof Refused) return error.problem;
  if (error instanceof ConnectionError) return { code: 'connection_failed', values: { detail: error.message } };
  if (error instanceof DOMException) return microphoneProblem(error);
  return { code: 'unknown', values: { detail: error instanceof Error ? error.message : String(error) } };
}

function isAgentState(state: string | undefined): state is AgentState {
  return ['initializing', 'idle', 'listening', 'thinking', 'speaking'].includes(state ?? '');
}
