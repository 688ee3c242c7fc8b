// Joins a room with a token that is about to expire, and breaks the connection once it has; prints what became of it as JSON.
// The token is read from standard input once the page is there and «ready» was printed: a busy machine takes its time.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { bundleClient, serve } from './bundle.mjs';
import { startChromium } from './chromium.mjs';

const [url] = process.argv.slice(2);
const browser = await startChromium();
try {
  const page = await browser.newPage();
  await page.goto(await serve());
  await page.addScriptTag({ content: await bundleClient() });
  console.log('ready');
  const [token] = await once(createInterface({ input: process.stdin }), 'line');
  console.log(JSON.stringify(await page.evaluate(breakAfterExpiry, { url, token })));
} finally {
  await browser.close();
}

/** Runs in the page, so it stands alone. */
async function breakAfterExpiry({ url, token }) {
  const { Room, RoomEvent } = window.livekit;
  const room = new Room();
  const reconnected = [];
  await room.connect(url, token);
  room.on(RoomEvent.Reconnected, () => reconnected.push(room.state));
  const validate = `${url.replace('ws', 'http')}/rtc/validate?access_token=${token}`;
  let status;
  for (const end = Date.now() + 60_000; Date.now() < end && status !== 401; ) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    ({ status } = await fetch(validate));
  }
  const outcomes = {};
  for (const scenario of ['resume-reconnect', 'full-reconnect']) {
    const before = reconnected.length;
    await room.simulateScenario(scenario);
    for (const end = Date.now() + 60_000; Date.now() < end && reconnected.length === before; ) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    outcomes[scenario] = reconnected.at(before) ?? 'lost';
  }
  await room.disconnect();
  return { refused: status, outcomes };
}
