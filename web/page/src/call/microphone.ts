// The microphone of a call: asked for before the room, muted, changed, lost and found again.

import { type LocalAudioTrack, TrackEvent, createLocalAudioTrack } from 'livekit-client';
import type { MicrophoneState } from '../visit';

const PROCESSING = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

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

  /** The one that was chosen, else what the browser has. Rejects with its `DOMException`. */
  static async open(device: string | undefined, listener: MicrophoneListener): Promise<Microphone> {
    try {
      return await Microphone.openDevice(device, listener);
    } catch (error) {
      // It may have been unplugged since.
      if (device === undefined || (error instanceof DOMException && error.name === 'NotAllowedError')) throw error;
      return Microphone.openDevice(undefined, listener);
    }
  }

  private static async openDevice(device: string | undefined, listener: MicrophoneListener): Promise<Microphone> {
    const track = await createLocalAudioTrack({
      ...PROCESSING,
      ...(device === undefined ? {} : { deviceId: { exact: device } }),
    });
    const microphone = new Microphone(track, listener);
    microphone.tell();
    return microphone;
  }

  async setMuted(muted: boolean): Promise<void> {
    await (muted ? this.track.mute() : this.track.unmute());
  }

  /** Another device takes over; rejects where it cannot be had, and goes on with the one before. */
  async choose(device: string): Promise<void> {
    const before = this.track.mediaStreamTrack.getSettings().deviceId;
    try {
      await this.restart({ exact: device });
    } catch (error) {
      // It was let go of for the other one.
      await this.restart(before === undefined ? 'default' : { exact: before }).catch(() => {
        this.lost = true;
        this.tell();
      });
      throw error;
    }
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
      await this.restart('default').catch(() => {});
    }
  }

  private async restart(deviceId: ConstrainDOMString): Promise<void> {
    const wasLost = this.lost;
    await this.track.restartTrack({ ...PROCESSING, deviceId });
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
