// What the browser keeps, what a visitor takes along, and colours.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { load } from './load.mjs';

const { storeEmail, storedEmail, storeTheme, storedTheme } = await load('src/storage.ts');
const { transcriptText } = await load('src/transcript-file.ts');
const { textOn } = await load('src/theme.ts');

function memory(kept = {}) {
  return { getItem: (key) => kept[key] ?? null, setItem: (key, value) => (kept[key] = String(value)), kept };
}

beforeEach(() => {
  globalThis.sessionStorage = memory();
  globalThis.localStorage = memory();
});

test('the address is kept under the key that other pages read, beside what they keep', () => {
  sessionStorage.setItem('userFormData', JSON.stringify({ email: 'ann@company.com', name: 'Ann' }));
  assert.equal(storedEmail(), 'ann@company.com');
  assert.ok(storeEmail('bob@company.com'));
  assert.deepEqual(JSON.parse(sessionStorage.kept.userFormData), { email: 'bob@company.com', name: 'Ann' });
});

test('a storage that is broken or holds something else is none', () => {
  for (const text of ['', 'null', '[', '7', '{"email": 7}', '["x"]']) {
    sessionStorage.setItem('userFormData', text);
    assert.equal(storedEmail(), '', text);
  }
  const broken = () => {
    throw new DOMException('no', 'SecurityError');
  };
  Object.defineProperty(globalThis, 'sessionStorage', { get: broken, configurable: true });
  globalThis.localStorage = { getItem: broken, setItem: broken };
  assert.deepEqual([storedEmail(), storedTheme()], ['', 'system']);
  assert.deepEqual([storeEmail('ann@company.com'), storeTheme('dark')], [false, false]);
  Object.defineProperty(globalThis, 'sessionStorage', { value: undefined, writable: true, configurable: true });
});

test('a transcript is one line for each segment', () => {
  const at = new Date(2026, 10, 29, 9, 5).getTime();
  const lines = [
    { segment: '1', speaker: 'agent', text: 'Hello', at },
    { segment: '2', speaker: 'visitor', text: 'Hi', at: at + 60_000 },
  ];
  assert.equal(transcriptText(lines, { agent: 'Agent', visitor: 'You' }), '[09:05] Agent: Hello\n[09:06] You: Hi\n');
});

test('text on a colour can be read', () => {
  assert.deepEqual(['#1f7a54', '#0b5fff', '#000000'].map(textOn), ['#ffffff', '#ffffff', '#ffffff']);
  assert.deepEqual(['#57c294', '#7fb0ff', '#ffffff', '#ffcc00'].map(textOn), ['#000000', '#000000', '#000000', '#000000']);
});
