// Holds the page's way with e-mail addresses against the table that the server's is held against.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { load } from './load.mjs';

const { parseEmail } = await load('src/email.ts');
const table = JSON.parse(await readFile(new URL('../../../schemas/email-cases.json', import.meta.url), 'utf8'));

test('the page decides about addresses as the server does', () => {
  for (const { text, times = 1, then = '', email, reason } of table) {
    const expected = email === undefined ? { problem: reason } : { email };
    assert.deepEqual(parseEmail(text.repeat(times) + then), expected, JSON.stringify(text));
  }
});

test('an address in its one form stays as it is', () => {
  for (const { email } of table.filter(({ email }) => email !== undefined)) {
    assert.deepEqual(parseEmail(email), { email });
  }
});
