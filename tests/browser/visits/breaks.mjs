// What breaks in a call: microphones, the network, the sound.
import assert from 'node:assert/strict';
import { startProxy } from '../cut.mjs';
import { blockSound, controlMicrophones } from '../devices.mjs';
import { eventually } from '../visitor.mjs';

/** Gone, and back again. */
export async function unplugged({ arrive }) {
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

export async function otherMicrophone({ arrive }) {
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
export async function interrupted({ arrive, livekit }) {
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
export async function lost({ arrive, livekit }) {
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

/** What did not go is told, and is there to be sent, or copied, in another way. */
export async function refused({ arrive }) {
  const visitor = await arrive({ before: refuse });
  const { page } = visitor;
  const agent = await visitor.call();
  await page.evaluate(() => window.refuseToSend(true));
  await page.fill('#message', 'with proposals');
  await page.click('#send-message');
  await page.locator('#notice[data-notice="send.failed"]', { hasText: 'could not be sent. Try again' }).waitFor();
  assert.equal(await page.inputValue('#message'), 'with proposals');
  assert.equal(await page.locator('#transcript li').count(), 0);
  await page.evaluate(() => window.refuseToSend(false));
  await page.click('#send-message');
  await eventually(async () => (await agent.typed()).includes('with proposals'));
  await page.click('#end-call');
  await visitor.isOver('participant_left');
  await page.click('#copy');
  await page.locator('[role="status"]', { hasText: 'Download the transcript instead' }).waitFor();
  await visitor.picture('copy-refused');
  await visitor.leave();
}

/** Init script, so it stands alone: nothing can be copied, and nothing be sent while it is told so. */
function refuse() {
  let refuses = false;
  const { send } = RTCDataChannel.prototype;
  RTCDataChannel.prototype.send = function (data) {
    if (refuses) throw new DOMException('send() failed', 'OperationError');
    return send.call(this, data);
  };
  window.refuseToSend = (value) => {
    refuses = value;
  };
  navigator.clipboard.writeText = () => Promise.reject(new DOMException('Write permission denied.', 'NotAllowedError'));
}

export async function blockedSound({ arrive }) {
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
