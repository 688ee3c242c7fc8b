// One call: the microphone, a room of its own, the agent in it. It knows nothing of the page; it tells a listener.

import {
  ConnectionState,
  DisconnectReason,
  type LocalAudioTrack,
  type RemoteParticipant,
  type RemoteTrack,
  Room,
  RoomEvent,
  Track,
  createLocalAudioTrack,
} from 'livekit-client';
import { requestConnectionDetails } from './connection-details';
import { type Speaker, followTranscript } from './transcript';

const AGENT_TIME_LIMIT_MS = 20_000;
const AGENT_STATE_ATTRIBUTE = 'lk.agent.state';
const CHAT_TOPIC = 'lk.chat';

/** Of the agent: not there yet, there, or one of the states that agents announce. */
export type AgentState =
  | 'none'
  | 'joining'
  | 'joined'
  | 'initializing'
  | 'idle'
  | 'listening'
  | 'thinking'
  | 'speaking'
  | 'left';

export interface Listener {
  connected(): void;
  reconnecting(active: boolean): void;
  agentState(state: AgentState): void;
  /** The text of a segment of the conversation so far; it replaces the one that the segment had. */
  said(segment: string, speaker: Speaker, text: string): void;
  /** The browser does not play sound until the visitor has allowed it. */
  audioBlocked(blocked: boolean): void;
  /** Comes once, last. Without an error, the visitor or the other side hung up. */
  ended(error?: unknown): void;
}

export class AgentMissing extends Error {
  constructor() {
    super('Agent did not join the room');
  }
}

export class ConnectionLost extends Error {
  constructor() {
    super('The connection was lost');
  }
}

export class Call {
  private readonly room = new Room();
  private readonly abort = new AbortController();
  private microphone: LocalAudioTrack | undefined;
  private agent: RemoteParticipant | undefined;
  private agentTimer: number | undefined;
  private connected = false;
  private over = false;

  constructor(
    private readonly email: string,
    private readonly audioContainer: HTMLElement,
    private readonly listener: Listener,
  ) {
    followTranscript(this.room, (segment, speaker, text) => {
      if (!this.over) this.listener.said(segment, speaker, text);
    });
    this.room
      .on(RoomEvent.ParticipantConnected, (participant) => this.welcome(participant))
      .on(RoomEvent.ParticipantDisconnected, (participant) => this.part(participant))
      .on(RoomEvent.ParticipantAttributesChanged, (_, participant) => {
        if (participant === this.agent) this.announceAgent();
      })
      .on(RoomEvent.TrackSubscribed, (track) => this.play(track))
      .on(RoomEvent.TrackUnsubscribed, (track) => track.detach().forEach((element) => element.remove()))
      .on(RoomEvent.AudioPlaybackStatusChanged, () => this.listener.audioBlocked(!this.room.canPlaybackAudio))
      .on(RoomEvent.Reconnecting, () => this.listener.reconnecting(true))
      .on(RoomEvent.Reconnected, () => this.listener.reconnecting(false))
      .on(RoomEvent.Disconnected, (reason) => {
        // Before the first connection, connect() itself fails, and says why.
        if (this.connected) this.finish(lost(reason) ? new ConnectionLost() : undefined);
      });
  }

  /** The microphone comes first: a visitor who does not allow it leaves no empty room behind. */
  async start(): Promise<void> {
    try {
      this.microphone = await createLocalAudioTrack({
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
      });
      if (this.over) return this.microphone.stop();
      // Who speaks before the agent is there is heard by it, too.
      this.microphone.startPreConnectBuffer();
      const details = await requestConnectionDetails(this.email, this.abort.signal);
      if (this.over) return;
      await this.room.connect(details.serverUrl, details.participantToken);
      if (this.over) return;
      this.connected = true;
      this.listener.connected();
      this.awaitAgent('joining');
      this.room.remoteParticipants.forEach((participant) => this.welcome(participant));
      await this.room.localParticipant.publishTrack(this.microphone, {
        source: Track.Source.Microphone,
        preConnectBuffer: true,
      });
    } catch (error) {
      await this.end(error);
    }
  }

  async setMuted(muted: boolean): Promise<void> {
    await (muted ? this.microphone?.mute() : this.microphone?.unmute());
  }

  /** A typed message is a turn of the conversation. */
  async type(text: string): Promise<void> {
    const { id } = await this.room.localParticipant.sendText(text, { topic: CHAT_TOPIC });
    if (!this.over) this.listener.said(id, 'visitor', text);
  }

  /** Has to be called in the handler of a click. */
  async startAudio(): Promise<void> {
    await this.room.startAudio();
  }

  /** Hangs up. */
  async end(error?: unknown): Promise<void> {
    this.finish(error);
    if (this.room.state !== ConnectionState.Disconnected) {
      await this.room.disconnect();
    }
  }

  private finish(error?: unknown): void {
    if (this.over) return;
    this.over = true;
    this.abort.abort();
    clearTimeout(this.agentTimer);
    this.microphone?.stop();
    this.audioContainer.replaceChildren();
    this.listener.ended(error);
  }

  private awaitAgent(state: 'joining' | 'left'): void {
    this.listener.agentState(state);
    clearTimeout(this.agentTimer);
    this.agentTimer = window.setTimeout(() => void this.end(new AgentMissing()), AGENT_TIME_LIMIT_MS);
  }

  private welcome(participant: RemoteParticipant): void {
    if (this.over || this.agent || !participant.isAgent) return;
    this.agent = participant;
    clearTimeout(this.agentTimer);
    this.announceAgent();
  }

  /** An agent that goes may be followed by another one, for as long as a first one may take. */
  private part(participant: RemoteParticipant): void {
    if (this.over || participant !== this.agent) return;
    this.agent = undefined;
    this.awaitAgent('left');
    this.room.remoteParticipants.forEach((other) => this.welcome(other));
  }

  private announceAgent(): void {
    const state = this.agent?.attributes[AGENT_STATE_ATTRIBUTE];
    this.listener.agentState(isAgentState(state) ? state : 'joined');
  }

  private play(track: RemoteTrack): void {
    if (track.kind === Track.Kind.Audio && !this.over) {
      this.audioContainer.append(track.attach());
    }
  }
}

function isAgentState(state: string | undefined): state is AgentState {
  return ['initializing', 'idle', 'listening', 'thinking', 'speaking'].includes(state ?? '');
}

function lost(reason: DisconnectReason | undefined): boolean {
  const hungUp = [
    DisconnectReason.CLIENT_INITIATED,
    DisconnectReason.ROOM_DELETED,
    DisconnectReason.ROOM_CLOSED,
    DisconnectReason.PARTICIPANT_REMOVED,
  ];
  return reason === undefined || !hungUp.includes(reason);
}
