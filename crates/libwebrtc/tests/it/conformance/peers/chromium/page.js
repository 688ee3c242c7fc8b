// What the peer can do, within the page. The commands are those of peers/python.py.
const { DataPacket_Kind, Room, RoomEvent, Track } = LivekitClient;

const RATE = 48_000;
const PATIENCE_MS = 20_000;
/** The microphone's sound goes out as it is. */
const AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, voiceIsolation: false };

/** Waits until the condition answers something, and passes it on. */
async function until(condition, what) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
    const answer = condition();
    if (answer) return answer;
    await sleep(20);
  }
  throw new Error(`no ${what}`);
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

class Peer {
  // Joining, leaving, and who else is there.

  async join({ url, token, single_peer_connection = true }) {
    this.room = new Room({ singlePeerConnection: single_peer_connection, audioCaptureDefaults: AS_IT_IS });
    this.reconnections = 0;
    this.track = undefined;
    this.packets = { true: [], false: [] };
    this.texts = [];
    this.room
      .on(RoomEvent.Reconnected, () => (this.reconnections += 1))
      .on(RoomEvent.TrackSubscribed, (track) => this.subscribed(track))
      .on(RoomEvent.TrackUnsubscribed, (track) => this.unsubscribed(track))
      .on(RoomEvent.DataReceived, (...received) => this.received(...received));
    this.room.registerTextStreamHandler('text', async (reader) => this.texts.push(await reader.readAll()));
    await this.room.connect(url, token);
  }

  async leave() {
    await this.room.disconnect();
  }

  async see({ identity }) {
    const participant = await until(() => this.room.remoteParticipants.get(identity), identity);
    return participant.metadata;
  }

  async miss({ identity }) {
    await until(() => !this.room.remoteParticipants.has(identity), `end of ${identity}`);
  }

  async reconnect() {
    await until(() => this.reconnections > 0, 'reconnection');
  }

  // The microphone. It hears what it was started with, so the frequency that is asked for is not looked at.

  async publish({ bitrate }) {
    const track = await LivekitClient.createLocalAudioTrack(AS_IT_IS);
    const options = { source: Track.Source.Microphone, audioPreset: { maxBitrate: bitrate } };
    this.publication = await this.room.localParticipant.publishTrack(track, options);
  }

  async unpublish() {
    await this.room.localParticipant.unpublishTrack(this.publication.track);
  }

  async mute() {
    await this.publication.mute();
  }

  async unmute() {
    await this.publication.unmute();
  }

  // The audio track that was subscribed to last.

  subscribed(track) {
    // Chromium decodes a track only while an element plays it.
    track.attach().muted = true;
    this.track = track;
  }

  unsubscribed(track) {
    track.detach();
    if (this.track === track) this.track = undefined;
  }

  async record({ settle, seconds }) {
    const track = await until(() => this.track, 'audio track');
    const context = new AudioContext({ sampleRate: RATE });
    const recorder = `registerProcessor('recorder', class extends AudioWorkletProcessor {
      process([[channel]]) {
        if (channel) this.port.postMessage(channel);
        return true;
      }
    })`;
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([recorder], { type: 'text/javascript' })));
    const node = new AudioWorkletNode(context, 'recorder');
    const samples = [];
    node.port.onmessage = ({ data }) => samples.push(...data);
    context.createMediaStreamSource(new MediaStream([track.mediaStreamTrack])).connect(node);
    const [skipped, wanted] = [settle * RATE, (settle + seconds) * RATE];
    await until(() => samples.length >= wanted, 'audio');
    await context.close();
    return {
      sample_rate: RATE,
      samples: samples.slice(skipped, wanted).map((sample) => Math.round(sample * 32767)),
    };
  }

  async unhear() {
    await until(() => !this.track, 'end of the audio track');
  }

  // Packets, text streams and remote procedure calls.

  received(payload, _participant, kind) {
    this.packets[kind === DataPacket_Kind.RELIABLE].push(new TextDecoder().decode(payload));
  }

  async send_packets({ payloads, reliable, pace = 5 }) {
    for (const payload of payloads) {
      await this.room.localParticipant.publishData(new TextEncoder().encode(payload), { reliable });
      // The SDK itself drops unreliable packets that come faster than they leave.
      if (!reliable) await sleep(pace);
    }
  }

  // All of them; of the lossy ones, those that came when none has come for two seconds.
  async receive_packets({ count, reliable }) {
    const received = this.packets[reliable];
    if (reliable) {
      await until(() => received.length >= count, `${count} reliable packets`);
      return received;
    }
    await until(() => received.length > 0, 'lossy packet');
    for (let before = 0; before < received.length && received.length < count; ) {
      before = received.length;
      await sleep(2000);
    }
    this.packets[reliable] = [];
    return received;
  }

  async send_text({ text }) {
    await this.room.localParticipant.sendText(text, { topic: 'text' });
  }

  async receive_text() {
    await until(() => this.texts.length > 0, 'text');
    return this.texts.shift();
  }

  async serve() {
    this.room.registerRpcMethod('shout', async ({ payload }) => payload.toUpperCase());
  }

  async call({ identity, payload }) {
    return await this.room.localParticipant.performRpc({ destinationIdentity: identity, method: 'shout', payload });
  }
}

window.peer = new Peer();
