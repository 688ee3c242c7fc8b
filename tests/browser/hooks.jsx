// A page as others write them: LiveKit's hooks for agents, with a call from this server. The test reads what they say in `window.call`.
import { useAgent, useSession, useSessionMessages } from '@livekit/components-react';
import { Room, TokenSource, setLogLevel } from 'livekit-client';
import { createRoot } from 'react-dom/client';

const { endpoint, agentName, email } = Object.fromEntries(new URLSearchParams(window.location.search));
const tokenSource = TokenSource.endpoint(endpoint);
const options = {
  agentName,
  participantMetadata: JSON.stringify({ user_email: email }),
  // The client reads this wish from its room's defaults alone; the hooks give it elsewhere, where it is lost.
  room: new Room({ publishDefaults: { preConnectBuffer: true } }),
};

function Call() {
  const session = useSession(tokenSource, options);
  const agent = useAgent(session);
  const { messages, send } = useSessionMessages(session);
  window.call = { session, agent, messages, send };
  return agent.state;
}

setLogLevel('warn');
createRoot(document.body).render(<Call />);
