// An agent for tests of the page: another browser page, which joins the room as agents do, and does what it is told.
import { bundleClient, serve } from './bundle.mjs';
import { accessToken } from './livekit.mjs';

const client = await bundleClient();
const url = await serve();

/** One that has only to join. The page waits 20 s for an agent, in which a busy machine may not have started one. */
export async function readyAgent(browser) {
  const page = await browser.newPage();
  await page.goto(url);
  await page.addScriptTag({ content: client });
  return { joins: (livekit, room, state) => joins(page, livekit, room, state) };
}

/** What comes back says and does things in the room. */
async function joins(page, livekit, room, state = 'listening') {
  const video = { roomJoin: true, room, canPublish: true, canSubscribe: true, canUpdateOwnMetadata: true };
  const token = accessToken(livekit, video, { kind: 'agent', attributes: { 'lk.agent.state': state } });
  await page.evaluate(join, { url: livekit.url, token });
  const tell = (what, ...values) => page.evaluate(([name, given]) => window.agent[name](...given), [what, values]);
  return {
    /** Some of its attributes. */
    set: (attributes) => tell('set', attributes),
    state: (name) => tell('set', { 'lk.agent.state': name }),
    /** A tone, as loud as a voice, until it is silent again. */
    speak: (volume = 0.5) => tell('speak', volume),
    silence: () => tell('speak', 0),
    /** A whole segment of what it says. */
    caption: (segment, text) => tell('caption', segment, text),
    /** What came by chat so far. */
    typed: () => page.evaluate(() => window.agent.typed),
    /** Bytes of what the visitor said before it came. */
    heardBefore: () => page.evaluate(() => window.agent.heardBefore()),
    /** Identities of the people in the room. */
    others: () => page.evaluate(() => [...window.agent.room.remoteParticipants.keys()]),
    leave: async () => {
      await tell('leave');
      await page.close();
    },
  };
}

/** Runs in the page, so it stands alone. */
async function join({ url, token }) {
  const { Room, Track } = window.livekit;
  const room = new Room();
  const typed = [];
  room.registerTextStreamHandler('lk.chat', async (reader) => typed.push(await reader.readAll()));
  let early = 0;
  room.registerByteStreamHandler('lk.agent.pre-connect-audio-buffer', async (reader) => {
    for (const part of await reader.readAll()) early += part.length;
  });
  await room.connect(url, token);
  const context = new AudioContext();
  const tone = context.createOscillator();
  tone.frequency.value = 300;
  tone.type = 'sawtooth';
  const volume = context.createGain();
  volume.gain.value = 0;
  const voice = context.createMediaStreamDestination();
  tone.connect(volume).connect(voice);
  tone.start();
  await context.resume();
  await room.localParticipant.publishTrack(voice.stream.getAudioTracks()[0], { source: Track.Source.Microphone, dtx: false });
  window.agent = {
    room,
    typed,
    heardBefore: () => early,
    set: (attributes) => room.localParticipant.setAttributes(attributes),
    speak: (value) => {
      volume.gain.value = value;
    },
    caption: async (segment, text) => {
      const writer = await room.localParticipant.streamText({
        topic: 'lk.transcription',
        attributes: { 'lk.segment_id': segment, 'lk.transcription_final': 'true' },
      });
      await writer.write(text);
      await writer.close();
    },
    leave: () => room.disconnect(),
  };
}
