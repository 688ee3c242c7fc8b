// What the page says before a call, where something is in its way, and what a configuration makes of it; for first loads what they
// weigh and whether anything jumps. The answers of the server are made here, so no call comes about. Prints what was seen as one
// JSON object.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { startChromium } from './chromium.mjs';
import { controlMicrophones } from './devices.mjs';
import { complaints, consoleOf, isTooWide, layoutShift, violations } from './inspect.mjs';

const USAGE = 'usage: node states.mjs --url URL [--screenshots FOLDER]';
const EMAIL = 'visitor@company.com';
const LIMIT_MS = 60_000;

const text = { type: 'string' };
const { values } = parseArgs({ options: { url: text, screenshots: text } });
if (!values.url) {
  throw new Error(USAGE);
}

const LOGO =
  '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="32"><rect width="90" height="32" rx="6" fill="#0b5fff"/></svg>';

const browser = await startChromium();
try {
  const seen = {
    microphone: await microphone(),
    refused: await refused(),
    fields: await fields(),
    waits: await waits(),
    calledOff: await calledOff(),
    configured: await configured(),
    emailRequired: await emailRequired(),
    emailNone: await emailNone(),
    proofOfWork: await proofOfWork(),
    noAnswer: await noAnswer(),
    oldBrowser: await oldBrowser(),
    brokenStorage: await brokenStorage(),
    languages: await languages(),
    typedEarly: await typedEarly(),
    firstLoad: await firstLoad(),
  };
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}

/** Each way in which a browser gives none: in the test before the call, and by the call itself. */
async function microphone() {
  const told = {};
  for (const [name, error, message] of [
    ['denied', 'NotAllowedError', 'Permission denied'],
    ['deniedBySystem', 'NotAllowedError', 'Permission denied by system'],
    ['missing', 'NotFoundError', 'Requested device not found'],
    ['inUse', 'NotReadableError', 'Could not start audio source'],
    ['other', 'OverconstrainedError', 'no such microphone'],
  ]) {
    const { page, requests, leave } = await open({ before: controlMicrophones });
    await page.evaluate(([refusal, why]) => window.refuseMicrophone(refusal, why), [error, message]);
    await page.click('#test-microphone');
    await page.waitForSelector('#check-error:not([hidden])');
    const tested = await page.locator('#check-error').innerText();
    await page.click('#start-call');
    await page.waitForSelector('#status[data-state="error"]', { state: 'attached' });
    told[name] = await page.locator('#error').innerText();
    assert.equal(tested, told[name]);
    assert.deepEqual(requests, [], 'an empty room was asked for');
    await picture(page, `microphone-${name}`);
    await leave();
  }
  return told;
}

/** What the server answers instead of a room. */
async function refused() {
  const told = {};
  for (const [name, status, body] of [
    ['livekitAway', 503, { code: 'livekit_unreachable', retry_after_seconds: 30 }],
    ['client', 429, { code: 'too_many_requests', limit: 'client', retry_after_seconds: 90 }],
    ['email', 429, { code: 'too_many_requests', limit: 'email', retry_after_seconds: 3600 }],
    ['all', 429, { code: 'too_many_requests', limit: 'all', retry_after_seconds: 2 }],
    ['calls', 429, { code: 'too_many_requests', limit: 'calls', retry_after_seconds: 15 }],
    ['internal', 500, { code: 'internal', detail: 'secret' }],
    ['proof', 403, { code: 'proof_refused' }],
    ['proofUnavailable', 503, { code: 'proof_unavailable', retry_after_seconds: 30 }],
    ['notYoursToChoose', 403, { code: 'not_yours_to_choose' }],
    ['unknown', 400, { code: 'of_a_newer_server', detail: 'The shop is closed.' }],
  ]) {
    const { page, leave } = await open({
      details: { status, contentType: 'application/problem+json', json: { status, ...body } },
    });
    told[name] = await fail(page);
    await picture(page, `refused-${name}`);
    await leave();
  }
  return told;
}

/** What is wrong with the address is told at its field, which has the focus. */
async function fields() {
  const told = {};
  for (const [name, body] of [
    ['invalid', { code: 'invalid_email', field: 'user_email', reason: 'numeric_domain' }],
    ['required', { code: 'email_required', field: 'user_email' }],
    ['domain', { code: 'email_domain_refused', field: 'user_email' }],
  ]) {
    const { page, leave } = await open({ details: { status: 400, json: body } });
    await page.fill('#email', EMAIL);
    await page.click('#start-call');
    await page.waitForSelector('#email[aria-invalid="true"]');
    await page.waitForFunction(() => document.activeElement?.id === 'email');
    assert.ok(await page.isHidden('#error'));
    assert.match(await page.getAttribute('#email', 'aria-describedby'), /email-error/);
    told[name] = await page.locator('#email-error').innerText();
    await page.type('#email', 'x');
    assert.ok(await page.isHidden('#email-error'), 'what is corrected is not wrong any more');
    await leave();
  }
  return told;
}

/** Until the time that the server named has come, the button counts down. */
async function waits() {
  const details = { status: 429, headers: { 'Retry-After': '4' }, json: { code: 'too_many_requests', limit: 'all' } };
  const { page, requests, leave } = await open({ details });
  const told = await fail(page);
  assert.ok(await page.isDisabled('#start-call'));
  const button = await page.locator('#start-call').innerText();
  // Not even by the keyboard.
  await page.press('#email', 'Enter');
  await page.waitForSelector('#start-call:enabled');
  assert.equal(requests.length, 1);
  await page.locator('[role="status"]', { hasText: 'You can start the call now' }).waitFor();
  assert.ok(await page.isHidden('#error'));
  await leave();
  return { told, button };
}

/** Who does not want to wait for the server is back at the start, and nothing listens any more. */
async function calledOff() {
  const { page, leave } = await open({ before: controlMicrophones });
  await page.route('**/api/connection-details', () => {});
  await page.fill('#email', EMAIL);
  await page.click('#start-call');
  await page.waitForFunction(() => window.listening() === 1);
  await page.click('#end-call');
  await page.waitForSelector('#start-call:enabled');
  assert.ok(await page.isHidden('#error'));
  assert.equal(await page.inputValue('#email'), EMAIL);
  assert.equal(await page.evaluate(() => window.listening()), 0);
  await leave();
  return 'passed';
}

/** Names, colours, texts and links are those of the server. */
async function configured() {
  const { page, leave } = await open({
    configuration: {
      name: 'Acme Docs',
      logo: 'api/logo',
      colors: { light: { accent: '#0b5fff' }, dark: { accent: '#7fb0ff' } },
      texts: { en: { 'welcome.title': 'Call Acme' } },
      links: { privacy: 'https://example.com/privacy', imprint: 'https://example.com/imprint' },
    },
    options: { viewport: { width: 1280, height: 800 } },
  });
  const color = () => page.locator('#start-call').evaluate((button) => getComputedStyle(button).backgroundColor);
  const seen = {
    title: await page.title(),
    heading: await page.locator('h1').innerText(),
    brand: await page.locator('.brand').innerText(),
    consent: await page.locator('.consent').innerText(),
    links: await page.locator('a').evaluateAll((links) => links.map(({ href, target, rel }) => [href, target, rel].join(' '))),
    light: await color(),
  };
  assert.ok(await page.locator('.brand img').evaluate((image) => image.decode().then(() => image.src.endsWith('/api/logo'))));
  await picture(page, 'configured');
  await page.selectOption('#theme', 'dark');
  seen.dark = await color();
  assert.deepEqual(await violations(page), []);
  await leave();
  return seen;
}

async function emailRequired() {
  const { page, requests, leave } = await open({ configuration: { email: 'required' } });
  await page.click('#start-call');
  await page.waitForSelector('#email[aria-invalid="true"][aria-required="true"]');
  const told = await page.locator('#email-error').innerText();
  await page.fill('#email', 'a b@company.com');
  await page.click('#start-call');
  assert.doesNotMatch(await page.locator('#email-error').innerText(), /leave the field empty/);
  assert.deepEqual(requests, []);
  await leave();
  return told;
}

async function emailNone() {
  const { page, requests, leave } = await open({ configuration: { email: 'none' }, details: { status: 500, json: {} } });
  assert.equal(await page.locator('#email').count(), 0);
  await fail(page);
  assert.deepEqual(JSON.parse(requests[0].body), { user_email: '' });
  await leave();
  return 'passed';
}

/** The worker finds it, and the request carries it. */
async function proofOfWork() {
  const { page, requests, leave } = await open({
    configuration: { proof: { kind: 'work' } },
    challenge: { challenge: 'opaque.signed', difficulty: 14 },
    details: { status: 500, json: {} },
  });
  await fail(page);
  const [, challenge, nonce] = /^work (opaque\.signed)\.(\d+)$/.exec(requests[0].proof);
  const hash = createHash('sha256').update(`${challenge}.${nonce}`).digest();
  assert.equal(hash.readUInt16BE() >> 2, 0, 'the proof proves nothing');
  await leave();
  return 'passed';
}

/** A server that never answers. */
async function noAnswer() {
  const { page, leave } = await open();
  await page.route('**/api/connection-details', () => {});
  await page.clock.install();
  await page.click('#start-call');
  await page.waitForSelector('#status[data-state="connecting"]', { state: 'attached' });
  const requested = page.waitForEvent('requestfailed');
  await page.clock.fastForward(10_000);
  await requested;
  await page.waitForSelector('#error:not([hidden])');
  const told = await page.locator('#error').innerText();
  await picture(page, 'no-answer');
  await leave();
  return told;
}

/** Such as one inside of another app. */
async function oldBrowser() {
  const { page, leave } = await open({ before: forgetCalls, ready: false });
  await page.goto(values.url);
  await page.waitForSelector('#error:not([hidden])');
  assert.ok(await page.isDisabled('#start-call'));
  const told = await page.locator('#error').innerText();
  await picture(page, 'old-browser');
  await leave();
  return told;
}

function forgetCalls() {
  delete window.RTCPeerConnection;
  delete window.webkitRTCPeerConnection;
}

async function brokenStorage() {
  const { page, requests, leave } = await open({
    before: () => {
      for (const storage of ['sessionStorage', 'localStorage']) {
        Object.defineProperty(window, storage, {
          get() {
            throw new DOMException('The operation is insecure.', 'SecurityError');
          },
        });
      }
    },
    details: { status: 500, json: {} },
  });
  assert.ok(await page.isHidden('#not-kept'));
  await page.selectOption('#theme', 'dark');
  await page.waitForSelector('html[data-theme="dark"]');
  const told = { en: await notKept(page) };
  await page.goto(`${values.url}?lang=de`);
  await page.waitForSelector('#start-call:enabled');
  await page.fill('#email', EMAIL);
  await fail(page);
  assert.deepEqual(JSON.parse(requests[0].body), { user_email: EMAIL });
  told.de = await notKept(page);
  await picture(page, 'broken-storage');
  await leave();
  return told;
}

async function notKept(page) {
  await page.waitForSelector('#not-kept', { state: 'visible' });
  return page.locator('#not-kept').innerText();
}

async function languages() {
  const seen = {};
  for (const [name, search, locale] of [
    ['browser', '', 'de-CH'],
    ['asked', '?lang=en', 'de-DE'],
    ['other', '', 'fr-FR'],
  ]) {
    const { page, leave } = await open({ search, options: { locale } });
    seen[name] = [await page.getAttribute('html', 'lang'), await page.locator('h1').innerText(), await page.title()];
    await leave();
  }
  return seen;
}

/** The form is there before its script; what is typed by then stays. */
async function typedEarly() {
  let arrive;
  const held = new Promise((resolve) => (arrive = resolve));
  const { page, leave } = await open({
    ready: false,
    more: (context) => context.route('**/assets/*.js', async (route) => (await held, route.continue())),
  });
  await page.goto(values.url, { waitUntil: 'commit' });
  await page.fill('#email', 'early@company.com');
  assert.ok(await page.isDisabled('#start-call'));
  arrive();
  await page.waitForSelector('#start-call:enabled');
  assert.equal(await page.inputValue('#email'), 'early@company.com');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'email');
  await leave();
  return 'passed';
}

/** What comes over the network until a call can be started, compressed as servers do; and whether anything jumps meanwhile. */
async function firstLoad() {
  const seen = {};
  for (const [name, options] of Object.entries({
    desk: { viewport: { width: 1280, height: 800 } },
    phone: { viewport: { width: 375, height: 667 }, isMobile: true, locale: 'de-DE' },
  })) {
    let bytes = 0;
    const bodies = [];
    const { page, leave } = await open({
      ready: false,
      options,
      configuration: { name: 'A company with a long name' },
      // What is painted before is what could jump.
      more: (context) => context.route('**/assets/*.js', (route) => setTimeout(() => route.continue(), 500)),
    });
    page.on('response', (response) => bodies.push(response.body().then((body) => (bytes += gzipSync(body).length))));
    await page.goto(values.url);
    await page.waitForSelector('#start-call:enabled');
    const shift = await layoutShift(page);
    await Promise.all(bodies);
    seen[name] = {
      bytes,
      shift,
      lang: await page.getAttribute('html', 'lang'),
      title: await page.title(),
      description: await page.getAttribute('meta[name="description"]', 'content'),
      tooWide: await isTooWide(page),
      violations: await violations(page),
    };
    await leave();
  }
  return seen;
}

/** Starts a call that comes to nothing; what the page says of it. */
async function fail(page) {
  await page.click('#start-call');
  await page.waitForSelector('#status[data-state="error"]', { state: 'attached' });
  return page.locator('#error').innerText();
}

/** The page, and what it asks for beyond itself. */
async function open({ before, configuration = {}, challenge, details, search = '', options = {}, ready = true, more } = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(LIMIT_MS);
  const messages = consoleOf(page);
  const requests = [];
  if (before) await page.addInitScript(before);
  await context.route('**/api/page-configuration', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), ...configuration } });
  });
  await context.route('**/api/logo', (route) => route.fulfill({ contentType: 'image/svg+xml', body: LOGO }));
  await context.route('**/api/proof', (route) => route.fulfill({ json: challenge }));
  await context.route('**/api/connection-details', async (route) => {
    const request = route.request();
    requests.push({ body: request.postData(), proof: await request.headerValue('x-proof') });
    await route.fulfill(details);
  });
  await more?.(context);
  if (ready) {
    await page.goto(values.url + search);
    await page.waitForSelector('#start-call:enabled');
  }
  const leave = async () => {
    assert.deepEqual(complaints(messages), [], 'the console has something to say');
    await context.close();
  };
  return { page, requests, leave };
}

/** Looks at a state, and keeps a picture of it where one is wanted. */
async function picture(page, name) {
  assert.deepEqual(await violations(page), [], name);
  if (values.screenshots) await page.screenshot({ path: `${values.screenshots}/${name}.png`, fullPage: true });
}
