// Somebody who visits the page, with a browser of their own.
import assert from 'node:assert/strict';
import { readyAgent } from './agent.mjs';
import { consoleOf, violations } from './inspect.mjs';

export const EMAIL = 'visitor@company.com';
export const DESK = { width: 1280, height: 800 };
const LIMIT_MS = 90_000;

/** Makes visitors of the page at a URL; `screenshots` is where their pictures go. */
export function visitors(browser, livekit, { url, screenshots }) {
  /** `through` is another way to LiveKit. */
  return async ({ before, through, lang = 'en', ...options } = {}) => {
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
    await page.goto(`${url}?lang=${lang}`);
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
        const ready = await readyAgent(browser);
        await visitor.connect(start);
        const agent = await ready.joins(livekit, visitor.room);
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
      /** Looks at a view, and keeps a picture of it where one is wanted. */
      picture: async (name) => {
        assert.deepEqual(await violations(page), [], name);
        if (screenshots) await page.screenshot({ path: `${screenshots}/${name}.png`, fullPage: true });
      },
      leave: async () => {
        // A network that a test has cut is told there.
        assert.deepEqual(through ? [] : messages, [], 'the console has something to say');
        await context.close();
      },
    };
    return visitor;
  };
}

/** Presses the key until the element has the focus, and asks whether that is to be seen. */
export async function tabTo(page, selector) {
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

export async function focusIsOn(page, selector) {
  await page.waitForFunction((wanted) => document.activeElement?.matches(wanted), selector);
}

export async function eventually(condition) {
  for (const end = Date.now() + LIMIT_MS; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`not so within ${LIMIT_MS / 1000} s: ${condition}`);
}
