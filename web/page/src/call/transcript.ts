// What both sides say, as the agent publishes it: one text stream for each segment of the agent, to which it adds, and one for
// each version of the visitor's.

import type { Room, TextStreamReader } from 'livekit-client';
import type { Speaker } from '../visit';

const TOPIC = 'lk.transcription';
const SEGMENT_ID = 'lk.segment_id';

/** The text of a segment so far; a segment that is known gets a new text. */
export type Said = (segment: string, speaker: Speaker, text: string) => void;

export function followTranscript(room: Room, said: Said): void {
  room.registerTextStreamHandler(TOPIC, (reader, from) => {
    const speaker = from.identity === room.localParticipant.identity ? 'visitor' : 'agent';
    // A stream that is cut shows what came of it.
    read(reader, (text) => said(reader.info.attributes?.[SEGMENT_ID] ?? reader.info.id, speaker, text)).catch(() => {});
  });
}

async function read(reader: TextStreamReader, show: (text: string) => void): Promise<void> {
  let text = '';
  for await (const part of reader) {
    text += part;
    show(text);
  }
}
