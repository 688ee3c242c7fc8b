// The microphone of a call: asked for before the room, muted, changed, lost and found again.

import { type LocalAudioTrack, TrackEvent, createLocalAudioTrack } from 'livekit-client';
import type { MicrophoneState } from '../visit';

export interface MicrophoneListener {
  state(state: MicrophoneState, device: string): void;
  /** What it hears; another track with each device. */
  sound(track: MediaStreamTrack): void;
}

export class Microphone {
  private lost = false;
  private readonly findAgain = () => void this.returned();

  private constructor(
    readonly track: LocalAudioTrack,
    private readonly listener: MicrophoneListener,
  ) {
    track.on(TrackEvent.Ended, () => {
      this.lost = true;
      this.tell();
    });
    // The SDK goes on with the default device where there is one; muted is what it makes of a track that it could not restart.
    track.on(TrackEvent.Restarted, () => {
      this.lost = false;
      this.tell();
    });
    track.on(TrackEvent.Muted, () => this.tell());
    track.on(TrackEvent.Unmuted, () => this.tell());
    navigator.mediaDevices.addEventListener('devicechange', this.findAgain);
  }

  /** Rejects with the browser's `DOMException`. */
  static async open(device: string | undefined, listener: MicrophoneListener): Promise<Microphone> {
    const track = await createLocalAudioTrack({
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      ...(device === undefined ? {} : { deviceId: device }),
    });
    const microphone = new Microphone(track, listener);
    microphone.tell();
    return microphone;
  }

  async setMuted(muted: boolean): Promise<void> {
    await (muted ? this.track.mute() : this.track.unmute());
  }

  /** Another device takes over; rejects where it cannot be had, and leaves the one before. */
  async choose(device: string): Promise<void> {
    await this.restart({ deviceId: { exact: device } });
  }

  stop(): void {
    navigator.mediaDevices.removeEventListener('devicechange', this.findAgain);
    this.track.stop();
  }

  /** Devices come and go: what was lost may be there again. */
  private async returned(): Promise<void> {
    if (!this.lost) return;
    const devices = await navigator.mediaDevices.enumerateDevices();
    if (this.lost && devices.some(({ kind }) => kind === 'audioinput')) {
      await this.restart({ deviceId: 'default' }).catch(() => {});
    }
  }

  private async restart(options: { deviceId: ConstrainDOMString }): Promise<void> {
    const wasLost = this.lost;
    await this.track.restartTrack(options);
    this.lost = false;
    if (wasLost && this.track.isMuted) await this.track.unmute();
    this.tell();
  }

  private tell(): void {
    const { mediaStreamTrack, isMuted } = this.track;
    this.listener.state(this.lost ? 'lost' : isMuted ? 'muted' : 'on', mediaStreamTrack.label);
    if (!this.lost) this.listener.sound(mediaStreamTrack);
  }
}
