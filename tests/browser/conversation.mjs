// Holds a conversation with the agent on the page: answers its questions, spoken or typed, from a script.
import { readFile } from 'node:fs/promises';
import { sentEnergy } from './energy.mjs';
import { say } from './microphone.mjs';

/** Silence of the agent after which it is the caller's turn. */
const PAUSE_MS = 400;
/** Long enough for the agent to ask whether anybody is there. */
const TURN_LIMIT_MS = 60_000;
/** The agent leaves after its last words were heard: on a busy machine some time after them. */
const END_LIMIT_MS = 20_000;
const POLL_MS = 50;
/** How often one answer is said again. */
const MOST_REPETITIONS = 3;

/**
 * Answers each question of the agent with the first answer of the script that fits and was not given yet, until the agent
 * ends the call or none fits any more. Behind the last answer the agent is given time to end the call. What the page shows
 * otherwise than it was said, and what the agent does not react to, is said again, as people do: on a busy machine a microphone
 * has gaps.
 *
 * @param script a list of {question: a part of it, in lower case; text; audio: a WAV file, or none where it is typed}
 * @param report is told {event: 'said', speaker, text} whenever a line is complete
 */
export async function converse(page, script, report) {
  const open = [...script];
  const reported = new Set();
  let answered = 0;
  let answer;
  let repetitions = 0;
  for (;;) {
    const question = await agentsTurn(page, answered, reported, report);
    if (question === undefined) {
      await reportComplete(page, reported, report, true);
      return;
    }
    if (answer?.audio !== undefined && repetitions < MOST_REPETITIONS && !(await wasHeard(page, answer))) {
      repetitions += 1;
    } else {
      const index = open.findIndex((candidate) => question.toLowerCase().includes(candidate.question));
      if (index < 0) {
        if (open.length === 0) {
          await agentsEnd(page);
        }
        await reportComplete(page, reported, report, true);
        return;
      }
      [answer] = open.splice(index, 1);
      repetitions = 0;
    }
    answered = (await linesOf(page, 'agent')).length;
    await give(page, answer);
  }
}

/** Whether the page shows what was said last as it was said. */
async function wasHeard(page, { text }) {
  return (await linesOf(page, 'visitor')).at(-1)?.toLowerCase() === text.toLowerCase();
}

/** What the agent has said since the caller's last answer; nothing once the call is over. */
async function agentsTurn(page, before, reported, report) {
  let quietSince;
  for (const end = Date.now() + TURN_LIMIT_MS; Date.now() < end; await page.waitForTimeout(POLL_MS)) {
    await reportComplete(page, reported, report);
    const { state, agentState } = await page.locator('#status').evaluate((status) => status.dataset);
    if (state !== 'in-call') {
      return undefined;
    }
    const lines = await linesOf(page, 'agent');
    if (lines.length <= before || agentState !== 'listening') {
      quietSince = undefined;
      continue;
    }
    quietSince ??= Date.now();
    if (Date.now() - quietSince >= PAUSE_MS) {
      await reportComplete(page, reported, report, true);
      return lines.slice(before).join(' ');
    }
  }
  const shown = await page.locator('#status, #transcript li').evaluateAll((items) =>
    items.map((item) => ({ ...item.dataset, text: item.textContent })),
  );
  const energy = await page.evaluate(sentEnergy);
  throw new Error(
    `the agent said nothing for ${TURN_LIMIT_MS / 1000} s; microphone energy ${energy}; the page shows ${JSON.stringify(shown)}`,
  );
}

/** Until the agent has ended the call, or it is clear that it does not. */
async function agentsEnd(page) {
  const over = '#status:not([data-state="in-call"])';
  await page.waitForSelector(over, { state: 'attached', timeout: END_LIMIT_MS }).catch(() => {});
}

async function give(page, { text, audio }) {
  if (audio === undefined) {
    await page.fill('#message', text);
    await page.click('#send-message');
  } else {
    await page.evaluate(say, (await readFile(audio)).toString('base64'));
  }
}

/** A line is complete when another one follows it, or when `all` are. */
async function reportComplete(page, reported, report, all = false) {
  const lines = await page.locator('#transcript li').evaluateAll((items) =>
    items.map((item) => ({ segment: item.dataset.segment, speaker: item.dataset.speaker, text: item.querySelector('.text').textContent })),
  );
  for (const { segment, speaker, text } of all ? lines : lines.slice(0, -1)) {
    if (!reported.has(segment)) {
      reported.add(segment);
      report('said', { speaker, text });
    }
  }
}

function linesOf(page, speaker) {
  return page.locator(`#transcript li[data-speaker="${speaker}"] .text`).allTextContents();
}
