// The machine's own Chromium, headless, with a sound file as its microphone.
import { existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The file is played once, then the microphone is silent; without a file it beeps, unless the page replaces it. */
export function startChromium(microphone, more = []) {
  return chromium.launch({
    executablePath: find(),
    // As root there is no sandbox to be had.
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      ...(microphone ? [`--use-file-for-fake-audio-capture=${existing(microphone)}%noloop`] : []),
      '--autoplay-policy=no-user-gesture-required',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      ...more,
    ],
  });
}

function existing(name) {
  const file = resolve(name);
  if (!existsSync(file)) {
    throw new Error(`there is no file ${file}`);
  }
  return file;
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
