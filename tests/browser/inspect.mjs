// What a test asks of every view: that the browser has nothing to complain about, and that everybody can use it.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const AXE = await readFile(fileURLToPath(new URL('node_modules/axe-core/axe.min.js', import.meta.url)), 'utf8');

/** livekit-client's words for an agent that hears the caller later than within ten seconds, as on a machine that is busy. */
const LATE = [/^preconnect buffer timed out/, /^subscribe event came to late/];

/** Collects what the console says, breaches of the content security policy with it. */
export function consoleOf(page) {
  const messages = [];
  page.on('console', (message) => {
    if (!LATE.some((late) => late.test(message.text()))) messages.push(message.text());
  });
  page.on('pageerror', (error) => messages.push(String(error)));
  return messages;
}

/** What the console says besides the browser's own word for what a server has refused. */
export function complaints(messages) {
  const refused = /Failed to load resource: the server responded with a status of (4|5)\d\d/;
  return messages.filter((message) => !refused.test(message));
}

/** What axe-core holds against the page as it is now; nothing in a good one. */
export async function violations(page) {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
    return violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join('; ')}`,
    );
  });
}

/** Whether something is cut off at the right, or stands out of the column that everything is in. */
export function isTooWide(page) {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const main = document.querySelector('main');
    const edge = main.getBoundingClientRect().right - parseFloat(getComputedStyle(main).paddingRight) + 1;
    const visible = [...main.querySelectorAll('button, input, select, p, li')].filter(
      (element) => !element.classList.contains('unseen'),
    );
    return scrollWidth > clientWidth || visible.some((element) => element.getBoundingClientRect().right > edge);
  });
}

/** The layout shifts that nobody asked for, summed up as browsers do. */
export function layoutShift(page) {
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        let sum = 0;
        const observer = new PerformanceObserver((list) => {
          for (const { value, hadRecentInput } of list.getEntries()) {
            if (!hadRecentInput) sum += value;
          }
        });
        observer.observe({ type: 'layout-shift', buffered: true });
        setTimeout(() => resolve(sum), 500);
      }),
  );
}
