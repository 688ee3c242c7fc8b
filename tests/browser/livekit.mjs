// What a test may ask of livekit-server itself, with its key.
import { createHmac, randomUUID } from 'node:crypto';

/** A token for a room; `claims` are what it says besides. */
export function accessToken({ key, secret }, video, claims = {}) {
  const now = Math.floor(Date.now() / 1000);
  const payload = { iss: key, sub: randomUUID(), nbf: now - 60, exp: now + 600, video, ...claims };
  const text = [{ alg: 'HS256', typ: 'JWT' }, payload].map(encode).join('.');
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/** Ends the calls in it, as an agent does that has said goodbye. */
export async function deleteRoom(server, room) {
  await ask(server, 'DeleteRoom', { roomCreate: true }, { room });
}

export async function removeParticipant(server, room, identity) {
  await ask(server, 'RemoveParticipant', { roomAdmin: true, room }, { room, identity });
}

async function ask(server, method, video, body) {
  const url = new URL(`/twirp/livekit.RoomService/${method}`, server.url.replace(/^ws/, 'http'));
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${accessToken(server, video)}` },
    body: JSON.stringify(body),
  });
  if (!answer.ok) {
    throw new Error(`${method}: ${answer.status} ${await answer.text()}`);
  }
}

function encode(part) {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
