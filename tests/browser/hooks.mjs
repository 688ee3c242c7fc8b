// Two calls from a page that knows this server by LiveKit's hooks alone. Prints what was seen as one JSON object.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readyAgent } from './agent.mjs';
import { bundle, serve } from './bundle.mjs';
import { startChromium } from './chromium.mjs';
import { consoleOf } from './inspect.mjs';

const USAGE = `usage: node hooks.mjs --url URL --livekit URL --key KEY --secret SECRET --site-port PORT
The server at --url lets pages of http://127.0.0.1:PORT ask for calls with the agent «agent».`;
const LIMIT_MS = 60_000;

const text = { type: 'string' };
const { values } = parseArgs({
  options: { url: text, livekit: text, key: text, secret: text, 'site-port': text, screenshots: text },
});
if (!values.url || !values.livekit || !values.key || !values.secret || !values['site-port']) {
  throw new Error(USAGE);
}
const livekit = { url: values.livekit, key: values.key, secret: values.secret };

const script = await bundle({ entryPoints: [fileURLToPath(new URL('hooks.jsx', import.meta.url))], jsx: 'automatic' });
const site = new URL(await serve(script, Number(values['site-port'])));
site.search = new URLSearchParams({ endpoint: `${values.url}api/token`, agentName: 'agent', email: ' Ann@Company.com ' });

const browser = await startChromium();
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(LIMIT_MS);
  const messages = consoleOf(page);
  const emails = [];
  page.on('response', async (response) => {
    if (response.request().method() !== 'POST' || !response.url().endsWith('/api/token')) return;
    const { participantToken } = await response.json();
    const { metadata } = JSON.parse(Buffer.from(participantToken.split('.')[1], 'base64url').toString());
    emails.push(JSON.parse(metadata).user_email);
  });
  await page.goto(site.href);
  const rooms = [await call(page), await call(page)];
  assert.deepEqual(messages, [], 'the console has something to say');
  console.log(JSON.stringify({ rooms, emails }));
} finally {
  await browser.close();
}

/** From start to end; the name of its room. */
async function call(page) {
  await page.waitForFunction(() => window.call?.session.connectionState === 'disconnected');
  const ready = await readyAgent(browser);
  // It is there when the agent is.
  await page.evaluate(() => {
    window.started = window.call.session.start();
  });
  await page.waitForFunction(() => window.call.session.isConnected);
  const room = await page.evaluate(() => window.call.session.room.name);
  const agent = await ready.joins(livekit, room);
  await page.evaluate(() => window.started);
  await page.waitForFunction(() => window.call.agent.state === 'listening' && window.call.agent.isConnected);
  await eventually('what was said before the agent came is heard', async () => (await agent.heardBefore()) > 0);
  await agent.caption('a1', 'How can I help you?');
  await page.waitForFunction(() => window.call.messages.some(({ message }) => message === 'How can I help you?'));
  await page.evaluate(() => window.call.send('with proposals'));
  await eventually('what is typed arrives', async () => (await agent.typed()).includes('with proposals'));
  await page.evaluate(() => window.call.session.end());
  await eventually('the room is empty', async () => (await agent.others()).length === 0);
  await agent.leave();
  return room;
}

async function eventually(what, condition) {
  for (const end = Date.now() + LIMIT_MS; !(await condition()); ) {
    assert.ok(Date.now() < end, `not within ${LIMIT_MS / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
