// Why a call is over: LiveKit's reason, and what the agent said of it before it went.

import { DisconnectReason } from 'livekit-client';
import type { EndReason } from '../visit';

/** Undefined where the connection broke. */
export function endReason(reason: DisconnectReason | undefined, announced: string | undefined): EndReason | undefined {
  switch (reason) {
    case DisconnectReason.CLIENT_INITIATED:
      return 'participant_left';
    case DisconnectReason.ROOM_DELETED:
    case DisconnectReason.ROOM_CLOSED:
      return isAgents(announced) ? announced : 'room_closed';
    case DisconnectReason.PARTICIPANT_REMOVED:
      return 'participant_removed';
    case DisconnectReason.DUPLICATE_IDENTITY:
      return 'elsewhere';
    default:
      return undefined;
  }
}

type AgentsReason = Extract<
  EndReason,
  'agent_ended' | 'time_limit' | 'budget_spent' | 'participant_absent' | 'provider_failed'
>;

/** What an agent ends calls for. */
export function isAgents(reason: string | undefined): reason is AgentsReason {
  return ['agent_ended', 'time_limit', 'budget_spent', 'participant_absent', 'provider_failed'].includes(reason ?? '');
}
