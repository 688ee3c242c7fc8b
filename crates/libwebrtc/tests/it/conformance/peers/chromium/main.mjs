// A participant in headless Chromium, which is Google's WebRTC with its own network stack and audio devices, driven by
// lines of JSON as peers/python.py is: the commands are the methods of page.js.
//
//   node main.mjs MICROPHONE.wav     The file is what the microphone hears, again and again.
//
// Chromium is the one that CHROMIUM names, else the first in PATH.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

const browser = await start(process.argv[2]);
const server = await serveEmptyPage();
try {
  const page = await open(browser, server.address().port);
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await carryOut(page, JSON.parse(line))));
  }
} finally {
  await browser.close();
  server.close();
}

/** From this machine's loopback interface, a page may use the microphone and reach other servers there. */
async function serveEmptyPage() {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html>');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

async function carryOut(page, { do: name, ...parameters }) {
  try {
    return { result: await page.evaluate(([name, parameters]) => peer[name](parameters), [name, parameters]) };
  } catch (error) {
    return { error: error.stack };
  }
}

async function open(browser, port) {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}`);
  for (const file of ['node_modules/livekit-client/dist/livekit-client.umd.js', 'page.js']) {
    await page.addScriptTag({ path: fileURLToPath(new URL(file, import.meta.url)) });
  }
  return page;
}

function start(microphone) {
  return chromium.launch({
    executablePath: find(),
    // As root there is no sandbox to be had.
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-audio-capture=${microphone}`,
      '--autoplay-policy=no-user-gesture-required',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}

function find() {
  if (process.env.CHROMIUM) {
    return process.env.CHROMIUM;
  }
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find((file) => existsSync(file));
  if (!found) {
    throw new Error(`there is no Chromium: set CHROMIUM, or install one of ${NAMES.join(', ')}`);
  }
  return found;
}
