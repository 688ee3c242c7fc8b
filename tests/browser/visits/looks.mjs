// What the views look like.
import assert from 'node:assert/strict';
import { isTooWide } from '../inspect.mjs';
import { DESK, EMAIL } from '../visitor.mjs';

const PHONE = { width: 320, height: 640 };

/** Each view in each theme, on a desk and on a phone: everybody can use it, and nothing is cut off. */
export async function looks({ arrive }) {
  const seen = [];
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
      assert.ok(!(await isTooWide(page)), `${name}-${view} is too wide`);
      await visitor.picture(`${name}-${view}`);
      seen.push(`${name}-${view}`);
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
    const isStill = options.reducedMotion === 'reduce';
    // Nothing does where the visitor wants it still.
    const moves = async (what, condition) => {
      if (isStill) assert.ok(!(await page.evaluate(condition)), `${name}: ${what}`);
      else await page.waitForFunction(condition);
    };
    await moves('the agent speaks', () => loudest() > 0.2);
    await agent.state('thinking');
    await visitor.agentIs('thinking');
    await moves('the agent thinks', () => document.getAnimations().length > 0);
    await page.click('#mute');
    await page.waitForSelector('#mute[data-muted="true"]');
    await look('muted');
    await page.click('#end-call');
    await visitor.isOver('participant_left');
    await look('after');
    await visitor.leave();
  }
  return seen;
}
