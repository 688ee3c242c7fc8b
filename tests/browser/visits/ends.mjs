// How calls end, and what becomes of them when the agent goes.
import assert from 'node:assert/strict';
import { readyAgent } from '../agent.mjs';
import { deleteRoom, removeParticipant } from '../livekit.mjs';

/** By each who can end a call, and for each reason. */
export async function ends({ arrive, livekit }) {
  const visitor = await arrive();
  const { page } = visitor;
  const told = {};
  const start = () => visitor.call(page.locator('#start-call, #call-again'));
  for (const reason of ['agent_ended', 'time_limit', 'budget_spent', 'participant_absent', 'provider_failed']) {
    const agent = await start();
    await agent.set({ 'postcall.end_reason': reason });
    await deleteRoom(livekit, visitor.room);
    told[reason] = await visitor.isOver(reason);
  }
  await start();
  await deleteRoom(livekit, visitor.room);
  told.room_closed = await visitor.isOver('room_closed');
  const agent = await start();
  const [identity] = await agent.others();
  await removeParticipant(livekit, visitor.room, identity);
  told.participant_removed = await visitor.isOver('participant_removed');
  // Where the agent could not end the room, it leaves.
  const leaving = await start();
  await leaving.set({ 'postcall.end_reason': 'agent_ended' });
  await leaving.leave();
  await visitor.isOver('agent_ended');
  await visitor.leave();
  return told;
}

export async function agentGoesAndComes({ arrive, browser, livekit }) {
  const visitor = await arrive();
  const { page } = visitor;
  const agent = await visitor.call();
  await agent.caption('a1', 'Hello');
  await page.waitForSelector('#transcript li');
  const next = await readyAgent(browser);
  await agent.leave();
  await visitor.agentIs('left');
  assert.match(await page.locator('#status').textContent(), /agent left/);
  const other = await next.joins(livekit, visitor.room);
  await visitor.agentIs('listening');
  await page.locator('#notice[data-notice="agent_back"]', { hasText: 'The agent is back' }).waitFor();
  await other.speak();
  await page.waitForFunction(() => loudest() > 0.4);
  assert.equal(await page.locator('#transcript li').count(), 1);
  await page.click('#end-call');
  await visitor.isOver('participant_left');
  await visitor.leave();
}

export async function agentStaysAway({ arrive }) {
  const visitor = await arrive();
  const { page } = visitor;
  await visitor.connect();
  await visitor.agentIs('joining');
  await page.waitForSelector('#status[data-state="error"]', { state: 'attached' });
  assert.match(await page.locator('#error').innerText(), /Agent did not join the room. Please try again/);
  assert.ok(await page.isEnabled('#start-call'));
  await visitor.leave();
}

export async function agentStaysGone({ arrive }) {
  const visitor = await arrive();
  const { page } = visitor;
  const agent = await visitor.call();
  await agent.caption('a1', 'Hello');
  await page.waitForSelector('#transcript li');
  await agent.leave();
  await page.waitForSelector('#status[data-state="error"]', { state: 'attached' });
  assert.match(await page.locator('#error').innerText(), /agent left, and no other one came. Please call again/);
  assert.equal(await page.locator('#transcript li').count(), 1);
  await visitor.leave();
}
