// Joins a room with a token that is about to expire, and breaks the connection once it has; prints what became of it as JSON.
// The token is read from standard input once the page is there and «ready» was printed: a busy machine takes its time.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { startChromium } from './chromium.mjs';

const [url] = process.argv.slice(2);
const PAGE = fileURLToPath(new URL('../../web/page/', import.meta.url));
const { build } = await import(pathToFileURL(createRequire(`${PAGE}package.json`).resolve('esbuild')));
const { outputFiles } = await build({
  stdin: { contents: "export * from 'livekit-client'", resolveDir: PAGE },
  bundle: true,
  format: 'iife',
  globalName: 'livekit',
  write: false,
});

// A page of its own, on the machine itself: browsers give it what they give secure ones.
const server = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<!doctype html>'));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const browser = await startChromium();
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.addScriptTag({ content: outputFiles[0].text });
  console.log('ready');
  const [token] = await once(createInterface({ input: process.stdin }), 'line');
  console.log(JSON.stringify(await page.evaluate(breakAfterExpiry, { url, token })));
} finally {
  await browser.close();
  server.close();
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
