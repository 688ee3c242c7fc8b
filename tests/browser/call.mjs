// Places one call from headless Chromium, the way a visitor does, and prints what happens as JSON lines:
//   {"event": "connection-details", "time": <ms since 1970>, "answer": {…}}, then connected, agent-joined, agent-audio,
//   hung-up; in a conversation also said, with speaker and text; or error with a message, and exit code 1. The time of hung-up
//   is the moment of the click, or that at which the page noticed that the agent had ended the call; its end_reason is what the
//   page says of that.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { startChromium } from './chromium.mjs';
import { converse } from './conversation.mjs';
import { collectPeerConnections, receivedEnergy, sentEnergy } from './energy.mjs';
import { replaceMicrophone } from './microphone.mjs';

const USAGE = `usage: node call.mjs --url URL --email ADDRESS (--microphone FILE.wav --seconds N | --conversation FILE.json)
                     [--screenshot FILE.png] [--allow-silent-agent]
The microphone says one file again and again; in a conversation it says the answers of a script (see conversation.mjs).
Chromium is the one that CHROMIUM names, else the first in PATH.`;

const CONNECT_LIMIT_MS = 30_000;
const AGENT_LIMIT_MS = 25_000;
const CLICK_LIMIT_MS = 5_000;
const HANG_UP_LIMIT_MS = 10_000;
const AGENT_IS_IN =
  '#status[data-state="in-call"]:not([data-agent-state="none"], [data-agent-state="joining"], [data-agent-state="left"])';
const ERROR = '.problem[role="alert"]:not([hidden])';
/** Energy of decoded audio, as WebRTC's statistics count it. Silence has none; a spoken word has over 0.001. */
const AUDIBLE = 0.0001;

let browser;
try {
  const options = readOptions();
  browser = await startChromium(options.microphone);
  await call(await browser.newPage(), options);
} catch (error) {
  report('error', { message: error.message.split('\n')[0] });
  process.exitCode = 1;
} finally {
  await browser?.close();
}

async function call(page, { url, email, seconds, conversation, screenshot, allowSilentAgent }) {
  await page.addInitScript(collectPeerConnections);
  if (conversation) {
    await page.addInitScript(replaceMicrophone);
  }
  page.on('response', reportConnectionDetails);

  await page.goto(url);
  await page.fill('#email', email);
  await page.click('#start-call');
  await reach(page, '#status[data-state="in-call"]', CONNECT_LIMIT_MS, 'the call did not connect');
  report('connected');
  await reach(page, AGENT_IS_IN, AGENT_LIMIT_MS, 'the agent did not join');
  report('agent-joined');

  const heard = conversation ? await hold(page, conversation) : await talk(page, seconds * 1000);
  const microphoneEnergy = await page.evaluate(sentEnergy);
  if (screenshot) {
    await page.screenshot({ path: screenshot });
  }

  const time = Date.now();
  if ((await state(page)) === 'in-call') {
    await endCall(page);
  }
  await reach(page, '#status[data-state="ended"]', HANG_UP_LIMIT_MS, 'the call did not end');
  const endReason = await page.getAttribute('#end-reason', 'data-reason');
  report('hung-up', { time, microphone_energy: microphoneEnergy, end_reason: endReason });
  if (!heard && !allowSilentAgent) {
    throw new Error('nothing was heard of the agent');
  }
}

/** The agent may end the call before the click. */
async function endCall(page) {
  try {
    await page.click('#end-call', { timeout: CLICK_LIMIT_MS });
  } catch (error) {
    if ((await state(page)) === 'in-call') {
      throw error;
    }
  }
}

/** Until nothing is left to be said. Says whether the agent was heard. */
async function hold(page, conversation) {
  const script = JSON.parse(await readFile(conversation, 'utf8'));
  const [heard] = await Promise.all([listen(page), converse(page, script, report)]);
  return heard;
}

/** Until the agent is heard, or the call is over. Reports it. */
async function listen(page) {
  while ((await state(page)) === 'in-call') {
    const energy = await page.evaluate(receivedEnergy);
    if (energy > AUDIBLE) {
      report('agent-audio', { energy });
      return true;
    }
    await page.waitForTimeout(100);
  }
  return false;
}

/** Until the time is over. Says whether the agent was heard. */
async function talk(page, duration) {
  const end = Date.now() + duration;
  const [heard] = await Promise.all([Promise.race([listen(page), after(duration)]), stay(page, end)]);
  return heard;
}

async function stay(page, end) {
  while (Date.now() < end) {
    if ((await state(page)) !== 'in-call') {
      throw new Error(`the call ended early; the page says: ${await said(page)}`);
    }
    await page.waitForTimeout(Math.min(100, Math.max(0, end - Date.now())));
  }
}

function after(duration) {
  return new Promise((resolve) => setTimeout(resolve, duration, false));
}

/** Waits for an element, and no longer once the page shows an error. */
async function reach(page, selector, timeout, complaint) {
  const either = `:is(${selector}, ${ERROR})`;
  const element = await page.waitForSelector(either, { state: 'attached', timeout }).catch(() => undefined);
  if (!element) {
    throw new Error(`${complaint} within ${timeout / 1000} s`);
  }
  if (await page.$(ERROR)) {
    throw new Error(`${complaint}; the page says: ${await said(page)}`);
  }
}

function state(page) {
  return page.getAttribute('#status', 'data-state');
}

async function said(page) {
  const texts = await page.locator(`${ERROR}, #status`).allTextContents();
  return texts.find((text) => text !== '') ?? 'nothing';
}

async function reportConnectionDetails(response) {
  if (new URL(response.url()).pathname === '/api/connection-details') {
    const answer = await response.json().catch(() => null);
    report('connection-details', { status: response.status(), answer });
  }
}

function report(event, details = {}) {
  console.log(JSON.stringify({ event, time: Date.now(), ...details }));
}

function readOptions() {
  const text = { type: 'string' };
  const options = { url: text, email: text, microphone: text, seconds: text, conversation: text, screenshot: text };
  const { values } = parseArgs({ options: { ...options, 'allow-silent-agent': { type: 'boolean' } } });
  const seconds = Number(values.seconds);
  const talks = values.conversation || (values.microphone && seconds > 0);
  if (!values.url || values.email === undefined || !talks) {
    console.error(USAGE);
    throw new Error('an option is missing');
  }
  return { ...values, seconds, allowSilentAgent: values['allow-silent-agent'] };
}
