// Visits of the page from the first click to the last, over a real livekit-server, with an agent that is made for it. Ends with an
// error where something is not as it should be, and prints what was seen as one JSON object.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { joinAsAgent } from './agent.mjs';
import { startChromium } from './chromium.mjs';
import { startProxy } from './cut.mjs';
import { blockSound, controlMicrophones } from './devices.mjs';
import { consoleOf, isTooWide, violations } from './inspect.mjs';
import { deleteRoom, removeParticipant } from './livekit.mjs';

const USAGE = 'usage: node visit.mjs --url URL --livekit URL --key KEY --secret SECRET [--screenshots FOLDER] [CASE...]';
const EMAIL = 'visitor@company.com';
const LIMIT_MS = 90_000;
const DESK = { width: 1280, height: 800 };
const PHONE = { width: 320, height: 640 };

const text = { type: 'string' };
const { values, positionals } = parseArgs({
  options: { url: text, livekit: text, key: text, secret: text, screenshots: text },
  allowPositionals: true,
});
if (!values.url || !values.livekit || !values.key || !values.secret) {
  throw new Error(USAGE);
}
const livekit = { url: values.livekit, key: values.key, secret: values.secret };

const cases = {
  byMouse,
  byKeyboard,
  ends,
  agentGoesAndComes,
  agentStaysAway,
  agentStaysGone,
  unplugged,
  otherMicrophone,
  interrupted,
  lost,
  blockedSound,
  reads,
  twoAtOnce,
  looks,
};

/** These wait most of the time: the others pass meanwhile. */
const SLOW = ['agentStaysAway', 'agentStaysGone', 'lost'];

const browser = await startChromium();
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
    return [[name, (await cases[name]()) ?? 'passed']];
  } catch (error) {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
}

async function byMouse() {
  const visitor = await arrive();
  const { page } = visitor;
  assert.match(await page.locator('h1').innerText(), /Talk to us/);
  await page.click('#test-microphone');
  await page.waitForSelector('#check-state[data-heard="true"]');
  assert.ok((await page.locator('.check .devices option').count()) > 1, 'no microphone to choose');
  await page.fill('#email', EMAIL);
  const agent = await visitor.call();
  assert.deepEqual(JSON.parse(visitor.asked.postData()), { user_email: EMAIL });
  assert.equal(await page.evaluate(() => sessionStorage.getItem('userFormData')), JSON.stringify({ email: EMAIL }));
  await focusIsOn(page, 'h1');

  // The agent's real sound moves the picture, and nothing else does.
  await agent.state('speaking');
  await visitor.agentIs('speaking');
  await agent.speak();
  await page.waitForFunction(() => loudest() > 0.4);
  await agent.silence();
  await page.waitForFunction(() => loudest() < 0.2);
  // What was said before the agent came is not lost.
  await eventually(async () => (await agent.heardBefore()) > 0);

  await agent.caption('a1', 'How can I help you?');
  await page.locator('li[data-speaker="agent"] .text', { hasText: 'How can I help you?' }).waitFor();
  await page.fill('#message', '  with proposals ');
  await page.click('#send-message');
  await page.locator('li[data-speaker="visitor"] .text', { hasText: /^with proposals$/ }).waitFor();
  await eventually(async () => (await agent.typed()).includes('with proposals'));

  await page.click('#mute');
  await page.waitForSelector('#mute[data-muted="true"][aria-label="Unmute microphone"]');
  await page.locator('#notice', { hasText: 'Your microphone is off' }).waitFor();
  await page.click('#mute');
  await page.waitForSelector('#mute[data-muted="false"]');
  await page.waitForFunction(() => document.querySelector('#mute .level [data-on]'));
  await page.waitForSelector('#quality:not([data-quality="unknown"])');
  await page.click('#toggle-chat');
  await page.waitForSelector('#chat', { state: 'hidden' });
  await page.click('#toggle-chat');
  await page.waitForSelector('#chat', { state: 'visible' });

  await page.click('#end-call');
  await visitor.isOver('participant_left');
  await focusIsOn(page, 'h1');
  assert.match(await page.locator('#duration').innerText(), /^0:\d\d$/);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.click('#copy');
  await page.locator('[role="status"]', { hasText: /^Copied$/ }).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, /^\[\d\d:\d\d\] Agent: How can I help you\?\n\[\d\d:\d\d\] You: with proposals\n$/);
  const [file] = await Promise.all([page.waitForEvent('download'), page.click('#download')]);
  assert.match(file.suggestedFilename(), /^call-\d{4}-\d\d-\d\d\.txt$/);
  assert.equal(await readFile(await file.path(), 'utf8'), copied);

  // Again, to another room, with nothing left of the first call.
  const first = visitor.room;
  await visitor.call('#call-again');
  assert.notEqual(visitor.room, first);
  assert.equal(await page.locator('#transcript li').count(), 0);
  await page.click('#end-call');
  await visitor.isOver('participant_left');
  await page.click('#back');
  await page.waitForSelector('#start-call:enabled');
  assert.equal(await page.inputValue('#email'), EMAIL);
  await visitor.leave();
}

/** Never touches the mouse; what has the focus is always to be seen. */
async function byKeyboard() {
  const visitor = await arrive();
  const { page } = visitor;
  await tabTo(page, '#theme');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.waitForSelector('html[data-theme="dark"]');
  await tabTo(page, '#email');
  await page.keyboard.type('visitor@@company.com');
  await page.keyboard.press('Enter');
  await page.locator('#email-error', { hasText: 'more than one @' }).waitFor();
  await focusIsOn(page, '#email');
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type(EMAIL);
  await tabTo(page, '#test-microphone');
  await page.keyboard.press('Space');
  await page.waitForSelector('#check-state[data-heard="true"]');
  await tabTo(page, '#start-call');
  const agent = await visitor.call(() => page.keyboard.press('Enter'));
  await focusIsOn(page, 'h1');
  await agent.caption('a1', 'Hello');
  await page.waitForSelector('#transcript li');
  await tabTo(page, '[role="log"]');
  await tabTo(page, '#message');
  await page.keyboard.type('hello');
  await page.keyboard.press('Enter');
  await page.waitForSelector('li[data-speaker="visitor"]');
  await tabTo(page, '#mute');
  await page.keyboard.press('Space');
  await page.waitForSelector('#mute[data-muted="true"]');
  await tabTo(page, '.picker select');
  await tabTo(page, '#toggle-chat');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#chat', { state: 'hidden' });
  await tabTo(page, '#end-call');
  await page.keyboard.press('Enter');
  await visitor.isOver('participant_left');
  await focusIsOn(page, 'h1');
  for (const selector of ['#call-again', '#back', '#copy', '#download']) {
    await tabTo(page, selector);
  }
  assert.equal(await page.evaluate(() => localStorage.getItem('theme')), 'dark');
  await visitor.leave();
}

/** By each who can end a call, and for each reason. */
async function ends() {
  const visitor = await arrive();
  const { page } = visitor;
  const told = {};
  const start = () => visitor.call(page.locator('#start-call, #call-again'));
  for (const reason of ['agent_ended', 'time_limit', 'budget_spent', 'participant_absent', 'provider_failed']) {
    const agent = await start();
    await agent.set({ 'postcall.end_reason': reason });
    await deleteRoom(livekit, visitor.room);
    told[reason] = await visitor.isOver(reason);
  }
  await start();
  await deleteRoom(livekit, visitor.room);
  told.room_closed = await visitor.isOver('room_closed');
  const agent = await start();
  const [identity] = await agent.others();
  await removeParticipant(livekit, visitor.room, identity);
  told.participant_removed = await visitor.isOver('participant_removed');
  // Where the agent could not end the room, it leaves.
  const leaving = await start();
  await leaving.set({ 'postcall.end_reason': 'agent_ended' });
  await leaving.leave();
  await visitor.isOver('agent_ended');
  await visitor.leave();
  return told;
}

async function agentGoesAndComes() {
  const visitor = await arrive();
  const { page } = visitor;
  const agent = await visitor.call();
  await agent.caption('a1', 'Hello');
  await page.waitForSelector('#transcript li');
  await agent.leave();
  await visitor.agentIs('left');
  assert.match(await page.locator('#status').textContent(), /agent left/);
  const other = await joinAsAgent(browser, livekit, visitor.room);
  await visitor.agentIs('listening');
  await page.locator('#notice[data-notice="agent_back"]', { hasText: 'The agent is back' }).waitFor();
  await other.speak();
  await page.waitForFunction(() => loudest() > 0.4);
  assert.equal(await page.locator('#transcript li').count(), 1);
  await page.click('#end-call');
  await visitor.isOver('participant_left');
  await visitor.leave();
}

async function agentStaysAway() {
  const visitor = await arrive();
  const { page } = visitor;
  await visitor.connect();
  await visitor.agentIs('joining');
  await page.waitForSelector('#status[data-state="error"]', { state: 'attached' });
  assert.match(await page.locator('#error').innerText(), /Agent did not join the room. Please try again/);
  assert.ok(await page.isEnabled('#start-call'));
  await visitor.leave();
}

async function agentStaysGone() {
  const visitor = await arrive();
  const { page } = visitor;
  const agent = await visitor.call();
  await agent.caption('a1', 'Hello');
  await page.waitForSelector('#transcript li');
  await agent.leave();
  await page.waitForSelector('#status[data-state="error"]', { state: 'attached' });
  assert.match(await page.locator('#error').innerText(), /agent left, and no other one came. Please call again/);
  assert.equal(await page.locator('#transcript li').count(), 1);
  await visitor.leave();
}

/** Gone, and back again. */
async function unplugged() {
  const visitor = await arrive({ before: controlMicrophones });
  const { page } = visitor;
  const agent = await visitor.call();
  await page.evaluate(() => window.unplug());
  await page.locator('#microphone-lost', { hasText: 'Connect it again, or choose another one' }).waitFor();
  assert.ok(await page.isDisabled('#mute'));
  // Typing goes on.
  await page.fill('#message', 'one moment');
  await page.click('#send-message');
  await eventually(async () => (await agent.typed()).includes('one moment'));
  await visitor.picture('unplugged');
  await page.evaluate(() => window.plugIn());
  await page.locator('#notice[data-notice="microphone_back"]', { hasText: 'Your microphone is back' }).waitFor();
  await page.waitForSelector('#mute[data-muted="false"]:enabled');
  await page.waitForSelector('#microphone-lost', { state: 'hidden' });
  await page.click('#end-call');
  await visitor.isOver('participant_left');
  await visitor.leave();
}

async function otherMicrophone() {
  const visitor = await arrive({ before: controlMicrophones });
  const { page } = visitor;
  await page.click('#test-microphone');
  const tested = page.locator('.check .devices');
  await eventually(async () => (await tested.count()) > 0 && (await tested.locator('option').count()) > 2);
  const [first, second, third] = await tested.locator('option').evaluateAll((options) => options.map(({ value }) => value));
  await tested.selectOption(third);
  await eventually(async () => (await tested.count()) > 0 && (await tested.inputValue()) === third);
  // What was tested is what is used.
  await visitor.call();
  const picker = page.locator('.picker select');
  await eventually(async () => (await picker.inputValue()) === third);
  await picker.selectOption(second);
  await eventually(async () => (await picker.inputValue()) === second);
  // One that cannot be had leaves the one before, and a muted one stays muted.
  await page.evaluate((device) => window.refuseMicrophone('NotReadableError', '', device), first);
  await picker.selectOption(first);
  await page.locator('#notice[data-notice="device.failed"]', { hasText: 'Choose another one' }).waitFor();
  await eventually(async () => (await picker.inputValue()) === second);
  await page.waitForFunction(() => document.querySelector('#mute .level [data-on]'));
  await page.click('#mute');
  await page.waitForSelector('#mute[data-muted="true"]');
  await page.evaluate(() => window.refuseMicrophone());
  await picker.selectOption(first);
  await eventually(async () => (await picker.inputValue()) === first);
  assert.equal(await page.getAttribute('#mute', 'data-muted'), 'true');
  // Where none can be had any more, that is told.
  await page.evaluate(() => window.refuseMicrophone('NotReadableError'));
  await picker.selectOption(second);
  await page.waitForSelector('#microphone-lost');
  await page.click('#end-call');
  await visitor.isOver('participant_left');
  await visitor.leave();
}

/** The connection breaks, and comes back. */
async function interrupted() {
  const proxy = await startProxy(livekit.url);
  const visitor = await arrive({ through: proxy.url });
  const { page } = visitor;
  const agent = await visitor.call();
  proxy.cut();
  await page.locator('#status', { hasText: 'Reconnecting' }).waitFor({ state: 'attached' });
  await visitor.picture('reconnecting');
  proxy.mend();
  await page.locator('#notice[data-notice="restored"]', { hasText: 'The connection is back' }).waitFor();
  await agent.caption('a1', 'Are you still there?');
  await page.waitForSelector('#transcript li');
  await page.click('#end-call');
  await visitor.isOver('participant_left');
  await visitor.leave();
  proxy.close();
}

/** The connection breaks for good. */
async function lost() {
  const proxy = await startProxy(livekit.url);
  const visitor = await arrive({ through: proxy.url });
  const { page } = visitor;
  const agent = await visitor.call();
  await agent.caption('a1', 'Hello');
  await page.waitForSelector('#transcript li');
  proxy.cut();
  await page.waitForSelector('#status[data-state="error"]', { state: 'attached' });
  assert.match(await page.locator('#error').innerText(), /connection was lost. Check your network and start a new call/);
  assert.match(await page.locator('h1').innerText(), /cut off/);
  // What was said is there to keep.
  assert.equal(await page.locator('#transcript li').count(), 1);
  await visitor.picture('lost');
  await visitor.leave();
  proxy.close();
}

async function blockedSound() {
  const visitor = await arrive({ before: blockSound });
  const { page } = visitor;
  await visitor.call();
  await page.waitForSelector('#start-audio');
  await visitor.picture('blocked-sound');
  await page.evaluate(() => {
    window.soundAllowed = true;
  });
  await page.click('#start-audio');
  await page.waitForSelector('#start-audio', { state: 'detached' });
  await page.click('#end-call');
  await visitor.isOver('participant_left');
  await visitor.leave();
}

/** The transcript follows its end, but for who reads further up. */
async function reads() {
  const visitor = await arrive({ viewport: { width: 800, height: 500 } });
  const { page } = visitor;
  const agent = await visitor.call();
  const scroller = page.locator('[role="log"]');
  const place = () =>
    scroller.evaluate(({ scrollTop, scrollHeight, clientHeight }) => ({
      scrollTop,
      toEnd: scrollHeight - clientHeight - scrollTop,
    }));
  for (let line = 1; line <= 12; line += 1) {
    await agent.caption(`a${line}`, `This is sentence number ${line}.`);
  }
  await page.waitForSelector('#transcript li:nth-child(12)');
  await eventually(async () => (await place()).toEnd < 2);
  assert.equal(await page.locator('#to-newest').count(), 0);
  await scroller.evaluate((element) => (element.scrollTop = 60));
  await page.waitForSelector('#to-newest');
  await agent.caption('a13', 'Nobody looks at this sentence.');
  await page.waitForSelector('#transcript li:nth-child(13)');
  assert.equal((await place()).scrollTop, 60);
  await page.click('#to-newest');
  await eventually(async () => (await place()).toEnd < 2);
  await page.waitForSelector('#to-newest', { state: 'detached' });
  await agent.caption('a14', 'This one is followed again.');
  await page.waitForSelector('#transcript li:nth-child(14)');
  await eventually(async () => (await place()).toEnd < 2);
  await page.click('#end-call');
  await visitor.isOver('participant_left');
  await visitor.leave();
}

/** Each has a room, an agent and a transcript of their own. */
async function twoAtOnce() {
  const visitors = await Promise.all([arrive(), arrive()]);
  const agents = await Promise.all(visitors.map((visitor) => visitor.call()));
  assert.notEqual(visitors[0].room, visitors[1].room);
  await Promise.all(agents.map((agent, index) => agent.caption('a1', `You are visitor ${index}`)));
  for (const [index, { page }] of visitors.entries()) {
    await page.locator('#transcript .text', { hasText: `You are visitor ${index}` }).waitFor();
    assert.equal(await page.locator('#transcript li').count(), 1);
  }
  await visitors[0].page.click('#end-call');
  await visitors[0].isOver('participant_left');
  assert.equal(await visitors[1].page.getAttribute('#status', 'data-state'), 'in-call');
  await visitors[1].page.click('#end-call');
  await visitors[1].isOver('participant_left');
  await Promise.all(visitors.map((visitor) => visitor.leave()));
}

/** Each view in each theme, on a desk and on a phone: what axe-core says of it, and a picture. */
async function looks() {
  const found = {};
  for (const [name, options] of Object.entries({
    light: { viewport: DESK, colorScheme: 'light' },
    dark: { viewport: DESK, colorScheme: 'dark' },
    phone: { viewport: PHONE, colorScheme: 'light', reducedMotion: 'reduce', isMobile: true, hasTouch: true, lang: 'de' },
    'phone-dark': { viewport: PHONE, colorScheme: 'dark', isMobile: true, hasTouch: true },
    'phone-on-its-side': { viewport: { width: 640, height: 320 }, colorScheme: 'light', isMobile: true, hasTouch: true },
  })) {
    const visitor = await arrive(options);
    const { page } = visitor;
    const look = async (view) => {
      const complaints = await violations(page);
      if (await isTooWide(page)) complaints.push('too wide');
      found[`${name}-${view}`] = complaints;
      await visitor.picture(`${name}-${view}`);
    };
    await look('welcome');
    await page.fill('#email', 'visitor@@company.com');
    await page.click('#start-call');
    await page.click('#test-microphone');
    await page.waitForSelector('#check-state[data-heard="true"]');
    await look('check');
    await page.fill('#email', EMAIL);
    const agent = await visitor.call();
    await agent.state('speaking');
    await agent.speak();
    await agent.caption('a1', 'Hello, this is the voice agent of the company. How can I help you today?');
    await page.waitForSelector('#transcript li');
    await page.fill('#message', 'I would like to know what it costs for twelve people.');
    await page.click('#send-message');
    await page.waitForSelector('li[data-speaker="visitor"]');
    await agent.caption('a2', 'With pleasure. How many documents do you send in a month, and which system has your customers?');
    await page.waitForSelector('#transcript li:nth-child(3)');
    await page.waitForTimeout(500);
    await look('session');
    const { y, height } = await page.locator('#end-call').boundingBox();
    assert.ok(y + height <= options.viewport.height, `${name}: the control bar is out of sight`);
    assert.ok(await page.evaluate(() => document.documentElement.scrollHeight <= innerHeight), `${name}: the call has to be scrolled`);
    if (options.reducedMotion) {
      assert.equal(await page.evaluate(() => document.getAnimations().length), 0, 'something moves');
      assert.ok(await page.evaluate(() => loudest() < 0.2), 'the picture moves');
    }
    await page.click('#mute');
    await page.waitForSelector('#mute[data-muted="true"]');
    await look('muted');
    await page.click('#end-call');
    await visitor.isOver('participant_left');
    await look('after');
    await visitor.leave();
  }
  assert.deepEqual(
    Object.entries(found).filter(([, complaints]) => complaints.length > 0),
    [],
  );
  return Object.keys(found);
}

/** Somebody with a browser of their own on the page. `through` is another way to LiveKit. */
async function arrive({ before, through, lang = 'en', ...options } = {}) {
  const context = await browser.newContext({ viewport: DESK, bypassCSP: through !== undefined, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(LIMIT_MS);
  const messages = consoleOf(page);
  if (before) await page.addInitScript(before);
  await page.addInitScript(() => {
    window.loudest = () => {
      const bars = [...document.querySelectorAll('#visualizer i')];
      return Math.max(...bars.map((bar) => Number(getComputedStyle(bar).getPropertyValue('--height'))));
    };
  });
  if (through) {
    await page.route('**/api/connection-details', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...(await response.json()), serverUrl: through } });
    });
  }
  await page.goto(`${values.url}?lang=${lang}`);
  await page.waitForSelector('#start-call:enabled');
  const visitor = {
    page,
    room: undefined,
    asked: undefined,
    /** Without an agent. */
    connect: async (start = '#start-call') => {
      const click = typeof start === 'function' ? start : () => (typeof start === 'string' ? page.click(start) : start.click());
      const [answer] = await Promise.all([page.waitForResponse('**/api/connection-details'), click()]);
      visitor.asked = answer.request();
      visitor.room = (await answer.json()).roomName;
      await page.waitForSelector('#status[data-state="in-call"]', { state: 'attached' });
    },
    call: async (start) => {
      await visitor.connect(start);
      const agent = await joinAsAgent(browser, livekit, visitor.room);
      await visitor.agentIs('listening');
      return agent;
    },
    agentIs: (state) => page.waitForSelector(`#status[data-agent-state="${state}"]`, { state: 'attached' }),
    /** Says what the page says of it. */
    isOver: async (reason) => {
      await page.waitForSelector('#status[data-state="ended"]', { state: 'attached' });
      assert.equal(await page.getAttribute('#end-reason', 'data-reason'), reason);
      return page.locator('#end-reason').innerText();
    },
    picture: async (name) => {
      if (values.screenshots) await page.screenshot({ path: `${values.screenshots}/${name}.png`, fullPage: true });
    },
    leave: async () => {
      // A network that a test has cut is told there.
      assert.deepEqual(through ? [] : messages, [], 'the console has something to say');
      await context.close();
    },
  };
  return visitor;
}

/** Presses the key until the element has the focus, and asks whether that is to be seen. */
async function tabTo(page, selector) {
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press('Tab');
    const here = await page.evaluate((wanted) => {
      const { activeElement } = document;
      return activeElement?.matches(wanted) ? getComputedStyle(activeElement).outlineStyle : undefined;
    }, selector);
    if (here !== undefined) {
      assert.equal(here, 'solid', `${selector} does not show that it has the focus`);
      return;
    }
  }
  assert.fail(`${selector} is not reached by Tab`);
}

async function focusIsOn(page, selector) {
  await page.waitForFunction((wanted) => document.activeElement?.matches(wanted), selector);
}

async function eventually(condition) {
  for (const end = Date.now() + LIMIT_MS; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`not so within ${LIMIT_MS / 1000} s: ${condition}`);
}
