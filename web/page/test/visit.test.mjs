import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { IDLE, next, durationSeconds, hadConversation, statusKey } = await load('src/visit.ts');
const after = (...events) => events.reduce(next, IDLE);
const agent = (state) => ({ type: 'agent', state });
const said = (segment, text, speaker = 'agent') => ({ type: 'said', segment, speaker, text, at: 5 });
const CONNECTED = [{ type: 'start' }, { type: 'connected', at: 10_000 }];
const LOST = { type: 'failed', problem: { code: 'connection_lost' }, at: 70_400 };

test('a call goes its way to a goodbye', () => {
  assert.equal(after({ type: 'start' }).phase, 'connecting');
  const talking = after(
    ...CONNECTED,
    agent('joining'),
    agent('speaking'),
    said('1', 'Hel'),
    said('2', 'Hi', 'visitor'),
    said('1', 'Hello'),
  );
  assert.equal(talking.phase, 'in-call');
  assert.deepEqual(
    talking.lines.map(({ text }) => text),
    ['Hello', 'Hi'],
  );
  const over = next(talking, { type: 'ended', reason: 'agent_ended', at: 75_400 });
  assert.deepEqual([over.phase, over.end, over.agent, durationSeconds(over)], ['ended', 'agent_ended', 'none', 65]);
  assert.ok(hadConversation(over));
});

test('what comes after the end changes nothing', () => {
  const over = after(...CONNECTED, { type: 'ended', reason: 'participant_left', at: 20_000 });
  for (const late of [
    LOST,
    agent('speaking'),
    said('9', 'late'),
    { type: 'connected', at: 1 },
    { type: 'reconnecting', active: true },
  ]) {
    assert.equal(next(over, late), over, late.type);
  }
  assert.equal(next(IDLE, LOST), IDLE);
});

test('a second call knows nothing of the first', () => {
  const again = next(after(...CONNECTED, agent('listening'), said('1', 'Hello'), LOST), { type: 'start' });
  assert.deepEqual(again, { ...IDLE, phase: 'connecting' });
  assert.equal(next(again, { type: 'start' }), again, 'a call that is on is not begun again');
  assert.equal(next(again, { type: 'back' }), again, 'nor left by the way back');
});

test('a call that nobody came to is no conversation', () => {
  const missing = { type: 'failed', problem: { code: 'agent_missing' }, at: 30_000 };
  assert.ok(!hadConversation(after(...CONNECTED, agent('joining'), missing)));
  assert.ok(hadConversation(after(...CONNECTED, agent('listening'), agent('left'), missing)));
  assert.ok(!hadConversation(after({ type: 'start' }, LOST)));
  assert.ok(
    !hadConversation(after({ type: 'start' }, { type: 'ended', reason: 'participant_left', at: 5 })),
    'it was called off',
  );
  assert.ok(!hadConversation(after(...CONNECTED)));
});

test('who comes back is told once', () => {
  const left = after(...CONNECTED, agent('listening'), agent('left'));
  assert.deepEqual([left.agent, left.notice], ['left', undefined]);
  const back = next(left, agent('initializing'));
  assert.deepEqual(back.notice, { text: 'agent_back' });
  assert.equal(next(back, { type: 'notice' }).notice, undefined);
  assert.equal(after(...CONNECTED, agent('joining'), agent('joined')).notice, undefined, 'the first one was not away');
});

test('a connection that breaks is told, and that it is back', () => {
  const broken = after(...CONNECTED, agent('listening'), { type: 'reconnecting', active: true });
  assert.equal(statusKey(broken), 'status.reconnecting');
  const restored = next(broken, { type: 'reconnecting', active: false });
  assert.deepEqual([statusKey(restored), restored.notice], ['agent.listening', { text: 'restored' }]);
  assert.equal(after(...CONNECTED, { type: 'reconnecting', active: false }).notice, undefined, 'it was not away');
});

test('a microphone that was unplugged may come back', () => {
  const lost = after(...CONNECTED, { type: 'microphone', state: 'lost', device: 'USB' });
  assert.deepEqual([lost.microphone, lost.notice], ['lost', undefined]);
  const back = next(lost, { type: 'microphone', state: 'on', device: 'Built-in' });
  assert.deepEqual([back.microphone, back.notice], ['on', { text: 'microphone_back', device: 'Built-in' }]);
  const muted = after(...CONNECTED, { type: 'microphone', state: 'muted', device: 'USB' });
  assert.deepEqual([muted.microphone, muted.notice], ['muted', undefined]);
});
