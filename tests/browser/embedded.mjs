// The button in another site's page, whose policy allows its script and its frame and nothing else: opens the page, places a call in
// it, hides it, and closes it again. Prints what was seen as one JSON object.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { readyAgent } from './agent.mjs';
import { startChromium } from './chromium.mjs';
import { consoleOf, violations } from './inspect.mjs';

const USAGE = `usage: node embedded.mjs --url URL --livekit URL --key KEY --secret SECRET --site-port PORT [--screenshots FOLDER]
The server at --url lets http://www.localhost:PORT show it in a frame.`;
const LIMIT_MS = 90_000;

const text = { type: 'string' };
const options = { url: text, livekit: text, key: text, secret: text, 'site-port': text, screenshots: text };
const { values } = parseArgs({ options });
if (!values.url || !values.livekit || !values.key || !values.secret || !values['site-port']) {
  throw new Error(USAGE);
}
const livekit = { url: values.livekit, key: values.key, secret: values.secret };
const { origin } = new URL(values.url);

const site = await startSite(
  `<script src="${values.url}embed.js" async data-label="Frag uns" data-lang="de" data-position="left" data-color="#ffcc00"></script>`,
);
// Outside of tests nobody's LiveKit is on the visitor's own machine, for which a frame would need a permission of its own.
const browser = await startChromium(undefined, ['--disable-features=LocalNetworkAccessChecks']);
try {
  await refused();
  console.log(
    JSON.stringify({ desk: await visit({ width: 1280, height: 800 }), phone: await visit({ width: 375, height: 667 }) }),
  );
} finally {
  await browser.close();
  site.server.close();
}

async function visit(viewport) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  page.setDefaultTimeout(LIMIT_MS);
  const messages = consoleOf(page);
  await page.goto(site.url);
  const button = page.getByRole('button', { name: 'Frag uns' });
  await button.waitFor();
  const before = page.frames().length;
  const place = await button.boundingBox();
  assert.ok(place.x < viewport.width / 2, 'the button is at the wrong side');
  const colors = await button.evaluate((element) => [
    getComputedStyle(element).backgroundColor,
    getComputedStyle(element).color,
  ]);
  assert.deepEqual(colors, ['rgb(255, 204, 0)', 'rgb(0, 0, 0)']);
  await picture(page, `embedded-button-${viewport.width}`);
  const complaints = await violations(page);
  await button.press('Enter');
  assert.equal(page.frames().length, before + 1);

  const frame = page.frameLocator('iframe');
  await frame.locator('#start-call:enabled').waitFor();
  complaints.push(...(await violations(page.frames().find((each) => each.url().startsWith(origin)))));
  const heading = await frame.locator('h1').innerText();
  await frame.locator('#email').fill('visitor@company.com');
  const ready = await readyAgent(browser);
  const [answer] = await Promise.all([page.waitForResponse('**/api/connection-details'), frame.locator('#start-call').click()]);
  const agent = await ready.joins(livekit, (await answer.json()).roomName);
  await frame.locator('#status[data-agent-state="listening"]').waitFor({ state: 'attached' });
  await agent.caption('a1', 'Guten Tag');
  await frame.locator('#transcript .text', { hasText: 'Guten Tag' }).waitFor();
  await picture(page, `embedded-call-${viewport.width}`);

  // What others say does not close it; and hidden it goes on.
  await page.evaluate(() => window.postMessage({ type: 'postcall:close' }, '*'));
  assert.ok(await page.locator('iframe').isVisible());
  if (viewport.width > 1000) {
    await button.click();
    await page.locator('iframe').waitFor({ state: 'hidden' });
    assert.equal((await agent.others()).length, 1, 'the call ended with its frame hidden');
    await button.click();
  }
  // Escape hides it, wherever the focus is: in the frame, and beside it.
  await frame.locator('#message').press('Escape');
  await page.locator('iframe').waitFor({ state: 'hidden' });
  await page.waitForFunction(() => document.activeElement?.localName === 'postcall-button');
  await button.press('Enter');
  await page.locator('iframe').waitFor({ state: 'visible' });
  // On a phone the frame is over the button.
  if (viewport.width > 1000) {
    await button.press('Escape');
    await page.locator('iframe').waitFor({ state: 'hidden' });
    await button.press('Enter');
  }
  assert.equal((await agent.others()).length, 1, 'the call ended with its frame hidden');
  await frame.locator('#close').click();
  await page.locator('iframe').waitFor({ state: 'detached' });
  for (const end = Date.now() + LIMIT_MS; (await agent.others()).length > 0; ) {
    assert.ok(Date.now() < end, 'the call goes on without its frame');
  }
  assert.equal(await button.getAttribute('aria-expanded'), 'false');
  await agent.leave();
  assert.deepEqual(messages, []);
  await context.close();
  return { heading, violations: complaints };
}

/** A site that the server does not know: its button is there, and the browser shows no page in its frame. */
async function refused() {
  const page = await browser.newPage();
  const messages = consoleOf(page);
  await page.goto(site.url.replace('www.', 'other.'));
  await page.getByRole('button', { name: 'Frag uns' }).click();
  for (const end = Date.now() + LIMIT_MS; !messages.some((message) => message.includes('frame-ancestors')); ) {
    assert.ok(Date.now() < end, 'the browser refuses nothing');
    await page.waitForTimeout(100);
  }
  assert.equal(await page.frameLocator('iframe').locator('#page').count(), 0);
  await page.close();
}

async function startSite(body) {
  const server = createServer((_, answer) => {
    answer.setHeader('content-type', 'text/html; charset=utf-8');
    answer.setHeader('content-security-policy', `default-src 'none'; script-src ${origin}; frame-src ${origin}`);
    answer.end(
      `<!doctype html><html lang="de"><title>A site</title><main><h1>A site</h1><p>It has much to say.</p></main>${body}</html>`,
    );
  });
  const port = Number(values['site-port']);
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  // Another site than the page's, and a secure one: in others there is no microphone.
  return { server, url: `http://www.localhost:${port}` };
}

async function picture(page, name) {
  if (values.screenshots) await page.screenshot({ path: `${values.screenshots}/${name}.png` });
}
