// Whole visits, from the first click to the last.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { EMAIL, eventually, focusIsOn, tabTo } from '../visitor.mjs';

export async function byMouse({ arrive }) {
  const visitor = await arrive();
  const { page } = visitor;
  assert.match(await page.locator('h1').innerText(), /Talk to us/);
  await page.click('#test-microphone');
  await page.waitForSelector('#check-state[data-heard="true"]');
  // The browser names its microphones a moment later.
  await page.locator('.check .devices option').nth(1).waitFor({ state: 'attached' });
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
export async function byKeyboard({ arrive }) {
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
  const picker = page.locator('.picker select');
  const before = await picker.inputValue();
  await page.keyboard.press('ArrowDown');
  await eventually(async () => ![before, ''].includes(await picker.inputValue()));
  await focusIsOn(page, '.picker select');
  await tabTo(page, '#toggle-chat');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#chat', { state: 'hidden' });
  await tabTo(page, '#end-call');
  await page.keyboard.press('Enter');
  await visitor.isOver('participant_left');
  await focusIsOn(page, 'h1');
  for (const selector of ['#call-again', '#back', '#copy']) {
    await tabTo(page, selector);
  }
  await page.keyboard.press('Enter');
  await page.locator('[role="status"]', { hasText: /^Copied$/ }).waitFor();
  await tabTo(page, '#download');
  assert.equal(await page.evaluate(() => localStorage.getItem('theme')), 'dark');
  await visitor.leave();
}

/** Each has a room, an agent and a transcript of their own. */
export async function twoAtOnce({ arrive }) {
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

/** The transcript follows its end, but for who reads further up. */
export async function reads({ arrive }) {
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
  await page.waitForSelector('#to-newest', { state: 'detached' });
  await scroller.evaluate((element) => (element.scrollTop = 60));
  await page.waitForSelector('#to-newest');
  await agent.caption('a13', 'Nobody looks at this sentence.');
  await page.waitForSelector('#transcript li:nth-child(13)');
  assert.equal((await place()).scrollTop, 60);
  await page.focus('#to-newest');
  await page.keyboard.press('Enter');
  await eventually(async () => (await place()).toEnd < 2);
  await page.waitForSelector('#to-newest', { state: 'detached' });
  await agent.caption('a14', 'This one is followed again.');
  await page.waitForSelector('#transcript li:nth-child(14)');
  await eventually(async () => (await place()).toEnd < 2);
  await page.click('#end-call');
  await visitor.isOver('participant_left');
  await visitor.leave();
}
