import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { DisconnectReason } from 'livekit-client';
import { load } from './load.mjs';

const { endReason } = await load('src/call/ending.ts');

test('LiveKit says who ended a call, and the agent why', () => {
  assert.equal(endReason(DisconnectReason.CLIENT_INITIATED, 'agent_ended'), 'participant_left');
  for (const reason of ['agent_ended', 'time_limit', 'budget_spent', 'participant_absent', 'provider_failed']) {
    assert.equal(endReason(DisconnectReason.ROOM_DELETED, reason), reason);
  }
  for (const reason of [undefined, 'agent_failed', 'anything']) {
    assert.equal(endReason(DisconnectReason.ROOM_DELETED, reason), 'room_closed');
  }
  assert.equal(endReason(DisconnectReason.PARTICIPANT_REMOVED, undefined), 'participant_removed');
  assert.equal(endReason(DisconnectReason.DUPLICATE_IDENTITY, undefined), 'elsewhere');
});

test('all else is a connection that broke', () => {
  for (const reason of [
    undefined,
    DisconnectReason.SIGNAL_CLOSE,
    DisconnectReason.SERVER_SHUTDOWN,
    DisconnectReason.UNKNOWN_REASON,
  ]) {
    assert.equal(endReason(reason, 'agent_ended'), undefined);
  }
});

test("the agent's reasons are those of the payload", async () => {
  const source = await readFile(new URL('../../../schemas/src/session_ended.rs', import.meta.url), 'utf8');
  const names = source
    .slice(source.indexOf('pub enum EndReason'))
    .match(/^ {4}[A-Z]\w+/gm)
    .map((name) => name.trim());
  const words = names.map((name) => name.replace(/(?!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase());
  for (const reason of [
    'agent_ended',
    'time_limit',
    'budget_spent',
    'participant_absent',
    'provider_failed',
    'participant_left',
  ]) {
    assert.ok(words.includes(reason), reason);
  }
});
