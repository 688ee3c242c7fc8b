// A token for a room of its own, as the front ends make it that are built of LiveKit's example: participant, metadata, grant,
// room configuration, and the signature by LiveKit's own SDK.
import { AccessToken, RoomAgentDispatch, RoomConfiguration } from 'livekit-server-sdk';

const { LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET } = process.env;

export const revalidate = 0;

export async function POST(request) {
  try {
    const body = await request.json();
    const agentName = body?.room_config?.agents?.[0]?.agent_name;
    const participantName = 'PandaDoc Trialist';
    const participantIdentity = `trialist_${Date.now()}`;
    const roomName = `pandadoc_trial_${Date.now()}_${Math.random().toString(36).substring(7)}`;
    const metadata = { user_email: body.user_email || '', session_start: new Date().toISOString() };
    const participantToken = await createParticipantToken(
      { identity: participantIdentity, name: participantName, metadata: JSON.stringify(metadata) },
      roomName,
      agentName,
    );
    const details = { serverUrl: LIVEKIT_URL, roomName, participantName, participantToken };
    return Response.json(details, { headers: { 'Cache-Control': 'no-store' } });
  } catch (error) {
    return new Response(error instanceof Error ? error.message : String(error), { status: 500 });
  }
}

function createParticipantToken(participant, roomName, agentName) {
  const token = new AccessToken(LIVEKIT_API_KEY, LIVEKIT_API_SECRET, { ...participant, ttl: '15m' });
  token.addGrant({ room: roomName, roomJoin: true, canPublish: true, canPublishData: true, canSubscribe: true });
  if (agentName) {
    token.roomConfig = new RoomConfiguration({ agents: [new RoomAgentDispatch({ agentName })] });
  }
  return token.toJwt();
}
