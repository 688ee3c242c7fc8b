// The status page in each theme, on a desk and on a phone: everybody can use it, the browser has nothing to complain about, and
// nothing is cut off. Prints what was seen as one JSON object.
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { startChromium } from './chromium.mjs';
import { consoleOf, violations } from './inspect.mjs';

const USAGE = 'usage: node status.mjs --url URL --token TOKEN [--screenshots FOLDER]';

const text = { type: 'string' };
const { values } = parseArgs({ options: { url: text, token: text, screenshots: text } });
if (!values.url || !values.token) {
  throw new Error(USAGE);
}

const browser = await startChromium();
try {
  const seen = {};
  for (const [name, options] of Object.entries({
    desk: { viewport: { width: 1280, height: 800 } },
    dark: { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
    phone: { viewport: { width: 320, height: 640 }, isMobile: true },
  })) {
    const page = await browser.newPage(options);
    const messages = consoleOf(page);
    await page.goto(`${values.url}status`);
    await look(page, `${name}-sign-in`);
    // The browser's own word for a page that is not for everybody.
    assert.deepEqual(
      messages.splice(0).filter((message) => !/responded with a status of 401/.test(message)),
      [],
    );
    await page.fill('#token', values.token);
    await page.press('#token', 'Enter');
    await page.waitForSelector('[aria-labelledby="calls"]');
    // Who reads slowly stops it.
    await page.click('text=Stop that');
    await page.waitForURL('**/status?pause');
    await look(page, name);
    assert.deepEqual(messages, [], 'the console has something to say');
    seen[name] = { rows: await page.locator('[aria-labelledby="calls"] tbody tr').count() };
    await page.close();
  }
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}

async function look(page, name) {
  assert.deepEqual(await violations(page), [], name);
  const [wide, space] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= space, `${name} is ${wide} px wide, of ${space}`);
  if (values.screenshots) await page.screenshot({ path: `${values.screenshots}/status-${name}.png`, fullPage: true });
}
