// Opens the page under circumstances that are not the best, and prints what the visitor sees, one JSON object for all cases.
import { createServer, request } from 'node:http';
import { parseArgs } from 'node:util';
import { startChromium } from './chromium.mjs';

const USAGE = `usage: node page.mjs --url URL --below-voice URL --limited URL [--screenshots FOLDER]
The service at --below-voice has /voice as its base path; the one at --limited gives one token a minute.`;
const EMAIL = 'visitor@company.com';
const LIMIT_MS = 60_000;

const text = { type: 'string' };
const { values } = parseArgs({ options: { url: text, 'below-voice': text, limited: text, screenshots: text } });
if (!values.url || !values['below-voice'] || !values.limited) {
  throw new Error(USAGE);
}

const browser = await startChromium(undefined, ['--host-resolver-rules=MAP voice.test 127.0.0.1']);
const proxy = await startProxy(values.url);
try {
  console.log(
    JSON.stringify({
      plainHttp: await plainHttp(),
      noScript: await withoutScript('no-script', '**/*.js'),
      noScriptNorStyle: await withoutScript('no-style', '**/assets/*'),
      scriptsOff: await scriptsOff(),
      strippingProxy: await placed(`${proxy.url}/voice/`),
      basePath: await placed(values['below-voice']),
      oldBrowser: await placed(values.url, { before: forgetAbortSignalAny }),
      brokenAnswer: await placed(values.url, { answer: { status: 200, body: '<html>' } }),
      busyProxy: await placed(values.url, { answer: { status: 503, headers: { 'Retry-After': '7' }, body: 'busy' } }),
      insecureMedia: await placed('https://secure.test/', { answer: details('ws://media.test') }),
      unreachable: await placed(values.url, { answer: 'abort' }),
      cleaned: await placed(values.url, { email: '\u200b Ann <mailto:Ann\u200b@Company.COM> ' }),
      problems: await problems(['ann lee@company.com', 'ann@company', 'ann@@company.com']),
      limited: [await placed(values.limited), await placed(values.limited)],
    }),
  );
} finally {
  await browser.close();
  proxy.server.close();
}

/** What browsers call insecure: plain http, and a host that is not this machine. */
async function plainHttp() {
  const { page, done } = await open();
  await page.goto(values.url.replace('127.0.0.1', 'voice.test'));
  await page.waitForSelector('#error:not([hidden])', { timeout: LIMIT_MS });
  await page.fill('#email', EMAIL);
  await page.press('#email', 'Enter');
  return done({ ...(await seen(page)), screenshot: await screenshot(page, 'plain-http') });
}

/** The visitor types an address and does what starts a call, but a part of the page did not come. */
async function withoutScript(name, missing) {
  const { page, requests, done } = await open();
  await page.route(missing, (route) => route.abort());
  await page.goto(values.url);
  await submit(page);
  await page.waitForSelector('#not-loaded', { state: 'visible', timeout: LIMIT_MS });
  await screenshot(page, name);
  return done({ ...(await seen(page)), requests });
}

async function scriptsOff() {
  const { page, requests, done } = await open({ javaScriptEnabled: false });
  await page.goto(values.url);
  await submit(page);
  const told = await page.locator('noscript').innerText();
  return done({ told, disabled: await page.isDisabled('#start-call'), url: page.url(), requests });
}

/** Starts a call; there is no media server, so it ends with an error after its token. */
async function placed(url, { email = EMAIL, before, answer } = {}) {
  const { page, requests, failed, done } = await open();
  if (before) await page.addInitScript(before);
  // As a proxy with TLS would show it.
  await page.route('https://secure.test/**', async (route) => {
    const answer = await route.fetch({ url: route.request().url().replace('https://secure.test/', values.url) });
    await route.fulfill({ response: answer });
  });
  if (answer) {
    const respond = (route) => (answer === 'abort' ? route.abort() : route.fulfill(answer));
    await page.route('**/api/connection-details', respond);
  }
  await page.goto(url);
  await page.fill('#email', email);
  await page.click('#start-call', { timeout: LIMIT_MS });
  await page.waitForSelector('#status[data-state="error"]', { state: 'attached', timeout: LIMIT_MS });
  return done({ ...(await seen(page)), requests, failed });
}

async function problems(emails) {
  const { page, requests, done } = await open();
  await page.goto(values.url);
  const told = [];
  for (const email of emails) {
    await page.fill('#email', email);
    await page.click('#start-call', { timeout: LIMIT_MS });
    told.push(await page.locator('#email-error').innerText());
  }
  await screenshot(page, 'problem');
  return done({ told, requests });
}

function details(serverUrl) {
  return { json: { serverUrl, roomName: 'room', participantName: 'name', participantToken: 'token' } };
}

function forgetAbortSignalAny() {
  delete AbortSignal.any;
}

async function submit(page) {
  await page.fill('#email', EMAIL);
  await page.press('#email', 'Enter');
  await page.click('#start-call', { force: true, timeout: LIMIT_MS });
  // A navigation would begin at once.
  await page.waitForTimeout(500);
}

async function seen(page) {
  return {
    url: page.url(),
    disabled: await page.isDisabled('#start-call'),
    error: await page.locator('#error').innerText(),
    notLoaded: await page.locator('#not-loaded').count(),
    email: await page.inputValue('#email'),
  };
}

/** A page of its own; `requests` are those that could tell an address, `failed` what did not come. */
async function open(options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const requests = [];
  const failed = [];
  page.on('request', (sent) => {
    if (sent.method() !== 'GET' || sent.url().includes('visitor')) {
      requests.push({ method: sent.method(), path: new URL(sent.url()).pathname, body: sent.postData() });
    }
  });
  page.on('response', (response) => {
    if (response.status() >= 400) failed.push(`${response.status()} ${new URL(response.url()).pathname}`);
  });
  const done = async (result) => {
    await context.close();
    return result;
  };
  return { page, requests, failed, done };
}

async function screenshot(page, name) {
  if (values.screenshots) await page.screenshot({ path: `${values.screenshots}/${name}.png` });
}

/** A proxy that shows a site below /voice/, and takes that off the paths. */
async function startProxy(target) {
  const server = createServer((incoming, outgoing) => {
    if (!incoming.url.startsWith('/voice/')) {
      outgoing.writeHead(404).end();
      return;
    }
    const url = new URL(incoming.url.slice('/voice'.length), target);
    const forwarded = request(url, { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(forwarded);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}
