// Visits of the page from the first click to the last, over a real livekit-server, with an agent that is made for it. Ends with an
// error where something is not as it should be, and prints what was seen as one JSON object.
import { parseArgs } from 'node:util';
import { startChromium } from './chromium.mjs';
import { visitors } from './visitor.mjs';
import * as breaks from './visits/breaks.mjs';
import * as ends from './visits/ends.mjs';
import * as looks from './visits/looks.mjs';
import * as whole from './visits/whole.mjs';

const USAGE = 'usage: node visit.mjs --url URL --livekit URL --key KEY --secret SECRET [--screenshots FOLDER] [CASE...]';

const text = { type: 'string' };
const { values, positionals } = parseArgs({
  options: { url: text, livekit: text, key: text, secret: text, screenshots: text },
  allowPositionals: true,
});
if (!values.url || !values.livekit || !values.key || !values.secret) {
  throw new Error(USAGE);
}
const livekit = { url: values.livekit, key: values.key, secret: values.secret };

const cases = { ...whole, ...ends, ...breaks, ...looks };

/** These wait most of the time: the others pass meanwhile. */
const SLOW = ['agentStaysAway', 'agentStaysGone', 'lost'];

const browser = await startChromium();
const world = { browser, livekit, arrive: visitors(browser, livekit, values) };
try {
  const names = Object.keys(cases).filter((name) => positionals.length === 0 || positionals.includes(name));
  const slow = names.filter((name) => SLOW.includes(name)).map(pass);
  const others = (async () => {
    const seen = [];
    for (const name of names.filter((name) => !SLOW.includes(name))) seen.push(...(await pass(name)));
    return seen;
  })();
  console.log(JSON.stringify(Object.fromEntries((await Promise.all([...slow, others])).flat())));
} finally {
  await browser.close();
}

/** The name of a case and what was seen in it, for an object. */
async function pass(name) {
  try {
    return [[name, (await cases[name](world)) ?? 'passed']];
  } catch (error) {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
}
