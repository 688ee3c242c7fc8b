// What the server itself makes of the page: nothing of its answers or of its policy is replaced. Prints what was seen as one JSON
// object.
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { startChromium } from './chromium.mjs';
import { complaints, consoleOf, violations } from './inspect.mjs';

const USAGE = `usage: node served.mjs --example URL --turnstile URL [--screenshots FOLDER]
The service at --example has web/page.example.toml; the one at --turnstile wants that widget's word.`;
const LIMIT_MS = 60_000;
/** In the place of Cloudflare's: it shows a frame, as that does. */
const WIDGET = `window.turnstile = {
  render(container, { sitekey, callback }) {
    window.wasAsked = true;
    const frame = document.createElement('iframe');
    frame.title = 'Are you human?';
    frame.src = 'https://challenges.cloudflare.com/widget';
    frame.onload = () => callback('word-for-' + sitekey);
    container.append(frame);
    return frame;
  },
  remove(frame) { frame.remove(); },
};`;

const text = { type: 'string' };
const { values } = parseArgs({ options: { example: text, turnstile: text, screenshots: text } });
if (!values.example || !values.turnstile) {
  throw new Error(USAGE);
}

const browser = await startChromium();
try {
  const seen = { example: await example(), turnstile: await turnstile() };
  await hungUp();
  await scriptStaysAway();
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}

async function example() {
  const { page, leave } = await open(values.example);
  const color = () => page.locator('#start-call').evaluate((button) => getComputedStyle(button).backgroundColor);
  assert.ok(await page.locator('.brand img').evaluate((image) => image.decode().then(() => image.src.endsWith('/api/logo'))));
  assert.deepEqual(await violations(page), []);
  if (values.screenshots) await page.screenshot({ path: `${values.screenshots}/example.png`, fullPage: true });
  const seen = {
    title: await page.title(),
    brand: await page.locator('.brand').innerText(),
    heading: await page.locator('h1').innerText(),
    links: await page.locator('footer a').evaluateAll((links) => links.map(({ href }) => href)),
    light: await color(),
  };
  await page.selectOption('#theme', 'dark');
  seen.dark = await color();
  await leave();
  return seen;
}

/** The widget's script and its frame, under the policy as it is. */
async function turnstile() {
  const { page, asked, leave } = await open(values.turnstile);
  await serveWidget(page);
  await page.click('#start-call');
  await page.waitForSelector('#status[data-state="error"]', { state: 'attached' });
  await leave();
  return asked;
}

/** Nobody is asked anything, and no room is asked for, when the call is over before the widget has come. */
async function hungUp() {
  const { page, asked, leave } = await open(values.turnstile);
  let arrive;
  const held = new Promise((resolve) => (arrive = resolve));
  await serveWidget(page, held);
  await Promise.all([page.waitForRequest('**/api.js*'), page.click('#start-call')]);
  await page.click('#end-call');
  await page.waitForSelector('#start-call:enabled');
  arrive();
  await page.waitForFunction(() => window.turnstile);
  await page.waitForTimeout(500);
  assert.equal(await page.evaluate(() => window.wasAsked), undefined, 'who has hung up was asked something');
  assert.deepEqual(asked, []);
  await leave();
}

async function scriptStaysAway() {
  const { page, asked, leave } = await open(values.turnstile);
  await page.route('https://challenges.cloudflare.com/**', () => {});
  await page.clock.install();
  await Promise.all([page.waitForRequest('https://challenges.cloudflare.com/**'), page.click('#start-call')]);
  await page.clock.fastForward(10_000);
  await page.locator('#error', { hasText: 'check against robots did not work out' }).waitFor();
  assert.deepEqual(asked, []);
  await leave();
}

/** `held` is what its script waits for. */
async function serveWidget(page, held) {
  await page.route('https://challenges.cloudflare.com/**', async (route) => {
    if (!route.request().url().includes('/api.js')) {
      return route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>A widget</title>' });
    }
    await held;
    await route.fulfill({ contentType: 'text/javascript', body: WIDGET });
  });
}

/** `asked` are the proofs of those who asked for a room. */
async function open(url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(LIMIT_MS);
  const messages = consoleOf(page);
  const asked = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/api/connection-details')) asked.push(request.headers()['x-proof'] ?? '');
  });
  await page.goto(url);
  await page.waitForSelector('#start-call:enabled');
  const leave = async () => {
    assert.deepEqual(complaints(messages), [], 'the console has something to say');
    await context.close();
  };
  return { page, asked, leave };
}
