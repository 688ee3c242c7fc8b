// Asks for a call as front ends do that are not ours, and prints what they got as JSON: node token_source.mjs URL AGENT_NAME
const { TokenSource } = await import(process.env.LIVEKIT_CLIENT);
const [url, agentName] = process.argv.slice(2);
const EMAIL = ' Ann@Company.com ';

const standard = TokenSource.endpoint(`${url}/api/token`);
const options = { agentName, participantMetadata: JSON.stringify({ user_email: EMAIL }) };
const first = await standard.fetch(options);
const again = await standard.fetch(options);

const older = await fetch(`${url}/api/connection-details`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json', 'X-Sandbox-Id': '' },
  body: JSON.stringify({ room_config: { agents: [{ agent_name: agentName }] }, user_email: EMAIL }),
}).then((response) => response.json());

const onSeed = await TokenSource.endpoint(`${url}/api/connection-details`).fetch(options);
const refused = await standard.fetch({ agentName: 'another' }).catch((error) => error.message);

console.log(
  JSON.stringify({
    tokenSource: { ...(await seen(first)), cached: first.participantToken === again.participantToken },
    seed: await seen(older),
    tokenSourceOnSeed: await seen(onSeed),
    refused: String(refused),
  }),
);

async function seen({ serverUrl, participantToken }) {
  const claims = JSON.parse(Buffer.from(participantToken.split('.')[1], 'base64url').toString());
  const validated = await fetch(`${serverUrl.replace('ws', 'http')}/rtc/validate?access_token=${participantToken}`);
  return {
    serverUrl,
    room: claims.video.room,
    email: JSON.parse(claims.metadata).user_email,
    agent: claims.roomConfig.agents[0].agentName,
    validate: `${validated.status} ${(await validated.text()).trim()}`,
  };
}
