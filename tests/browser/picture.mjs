// Makes one picture of two: the page at the end of the demo's call, as `demo` left it, and the Lead that the call changed.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { startChromium } from './chromium.mjs';

const USAGE = 'usage: node picture.mjs --page FILE.png --salesforce URL --email ADDRESS --picture FILE.png';
const HEIGHT = 720;
const LEAD_WIDTH = 760;

const text = { type: 'string' };
const { values } = parseArgs({ options: { page: text, salesforce: text, email: text, picture: text } });
if (!values.page || !values.salesforce || !values.email || !values.picture) {
  console.error(USAGE);
  process.exit(2);
}

const browser = await startChromium();
try {
  const pictures = [await readFile(values.page), await lead(values.salesforce, values.email)];
  await write(values.picture, pictures);
} finally {
  await browser.close();
}

/** The page of the Lead with an address. */
async function lead(salesforce, email) {
  const answer = await fetch(new URL('/simulator/records', salesforce));
  const found = (await answer.json()).Lead.find((record) => record.Email === email);
  if (!found) {
    throw new Error(`no Lead has the address ${email}`);
  }
  const page = await browser.newPage({ viewport: { width: LEAD_WIDTH, height: HEIGHT } });
  await page.goto(new URL(`/records/${found.Id}`, salesforce).href);
  return page.screenshot();
}

/** Side by side, of one height. */
async function write(file, pictures) {
  const images = pictures.map((png) => `<img src="data:image/png;base64,${png.toString('base64')}">`);
  const page = await browser.newPage({ viewport: { width: 2_400, height: HEIGHT } });
  await page.setContent(`<!doctype html>
    <style>
      body { margin: 0; }
      div { display: inline-flex; gap: 16px; background: #8a8a8a; padding: 16px; }
      img { height: ${HEIGHT}px; }
      /* Of the page, which is in the middle of its window. */
      img:first-child { width: 760px; object-fit: cover; }
    </style>
    <div>${images.join('')}</div>`);
  await page.locator('img').last().evaluate((image) => image.decode());
  await page.locator('div').screenshot({ path: file });
}
